// Runs every check of the package; `npm test -- unit` runs only those that need no server.

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const isUnit = process.argv.includes("unit");

function run(...words) {
  const { status } = spawnSync(process.execPath, words, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

const tests = (folder) =>
  readdirSync(`${root}build/test/${folder}`).filter((name) => name.endsWith(".test.js")).map((name) => `build/test/${folder}/${name}`);

run("scripts/build.mjs");
run("scripts/build.mjs", "--tests");
run("scripts/size.mjs");
if (!isUnit) run("scripts/types.mjs", "--check");
// One file at a time: each starts its own server, and the tests that break connections depend on timing.
run("--test", "--test-concurrency=1", "--test-reporter=spec", ...tests("unit"), ...(isUnit ? [] : tests("it")));
