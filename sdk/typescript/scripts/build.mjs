// Compiles src to dist; with --tests, src and test to build. Removes the old output first, so that deleted or renamed
// files are neither published nor run.

import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const isTests = process.argv.includes("--tests");
const [project, folder] = isTests ? ["tsconfig.test.json", "build"] : ["tsconfig.json", "dist"];
const compiler = createRequire(import.meta.url).resolve("typescript/bin/tsc");

rmSync(new URL(`../${folder}`, import.meta.url), { recursive: true, force: true });
try {
  execFileSync(process.execPath, [compiler, "-p", project], { cwd: root, stdio: "inherit" });
} catch {
  process.exit(1);
}
