/** Builds `src/worker/worker.ts`, which caches the client, as `worker.js`, with the list of the client's files. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { transformWithEsbuild, type Plugin, type Rollup } from "vite";

const SOURCE = "src/worker/worker.ts";
const PAGE = "index.html";

/** Returns the names of all files that the page may request, including lazily loaded ones. */
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

/** Returns a name that changes whenever any file of the client does. */
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
    // Runs after the page has been generated.
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
