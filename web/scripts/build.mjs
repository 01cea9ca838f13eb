// Builds the client into dist: the SDK first, then the pages and the widget's script, and a compressed twin of every file that gains by it.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const web = fileURLToPath(new URL("..", import.meta.url));
const require = createRequire(import.meta.url);
const vite = join(dirname(require.resolve("vite/package.json")), "bin/vite.js");

function run(folder, ...words) {
  try {
    execFileSync(process.execPath, words, { cwd: folder, stdio: "inherit" });
  } catch {
    process.exit(1);
  }
}

run(join(web, "../sdk/typescript"), "scripts/build.mjs");
run(web, vite, "build", "--logLevel", "warn");
run(web, vite, "build", "--config", "vite.widget.config.ts", "--logLevel", "warn");

const dist = join(web, "dist");
for (const name of readdirSync(dist, { recursive: true })) {
  const path = join(dist, name);
  if (!statSync(path).isFile() || !/\.(html|js|css|svg|json)$/.test(name)) continue;
  writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
}
