// Bundles and minifies the package as an application would, and fails if it is larger than the limit when gzipped.

import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const LIMIT_BYTES = 10_000;

const entry = fileURLToPath(new URL("../src/index.ts", import.meta.url));
const { outputFiles } = await build({
  entryPoints: [entry],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  write: false,
});
const code = outputFiles[0].contents;
const bytes = gzipSync(code, { level: 9 }).length;
console.log(`${code.length} bytes minified, ${bytes} gzipped; the limit is ${LIMIT_BYTES}`);
if (bytes >= LIMIT_BYTES) process.exit(1);
