/** Builds the worker that keeps the client: `src/worker/worker.ts`, told which files the client is made of, as `worker.js`. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { transformWithEsbuild, type Plugin, type Rollup } from "vite";

const SOURCE = "src/worker/worker.ts";
const PAGE = "index.html";

/** The names of all files that the page may come to ask for, lazily loaded ones included. */
function filesOf(bundle: Rollup.OutputBundle, root: string): string[] {
  const chunks = Object.values(bundle).filter((output) => output.type === "chunk");
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  const files = new Set<string>();
  const visit = (name: string): void => {
    const chunk = byName.get(name);
    if (files.has(name) || chunk === undefined) return;
    files.add(name);
    const { importedAssets, importedCss } = chunk.viteMetadata!;
    for (const other of [...importedAssets, ...importedCss]) files.add(other);
    for (const other of [...chunk.imports, ...chunk.dynamicImports]) visit(other);
  };
  visit(chunks.find(({ facadeModuleId }) => facadeModuleId === join(root, PAGE))!.fileName);
  return [...files].sort();
}

/** Another name whenever anything in the client is another. */
function nameOf(page: Rollup.OutputAsset, files: string[], pictures: string[]): string {
  const hash = createHash("sha256").update(page.source).update(files.join());
  for (const picture of pictures) hash.update(readFileSync(picture));
  return hash.digest("hex").slice(0, 12);
}

export function worker(): Plugin {
  let root: string;
  let publicDir: string;
  return {
    name: "worker",
    // When the page has been written.
    enforce: "post",
    apply: "build",
    configResolved: (config) => void ({ root, publicDir } = config),
    async generateBundle(_, bundle) {
      const pictures = readdirSync(publicDir).sort();
      const files = filesOf(bundle, root);
      const release = nameOf(
        bundle[PAGE] as Rollup.OutputAsset,
        files,
        pictures.map((name) => join(publicDir, name)),
      );
      const define = {
        RELEASE: JSON.stringify(release),
        FILES: JSON.stringify([...files, ...pictures].map((name) => `/${name}`)),
      };
      const source = readFileSync(join(root, SOURCE), "utf8");
      const how = { target: "es2022", format: "iife", minify: true, define } as const;
      const { code } = await transformWithEsbuild(source, SOURCE, how);
      this.emitFile({ type: "asset", fileName: "worker.js", source: code });
    },
  };
}
