// Compiles src to dist; with --tests, src and test to build. What was there before goes first, so that nothing that was
// deleted or renamed is published or run.

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
