// Runs the end-to-end tests, or those of the named files: `npm test -w web -- front`. They need a built client, a
// server built with it (CHATSERVER_BIN; debug builds read the client from dist), and Chromium (CHROMIUM).

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const web = fileURLToPath(new URL("..", import.meta.url));
const compiler = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const target = process.env["CARGO_TARGET_DIR"] ?? join(web, "../target");
const program = process.env["CHATSERVER_BIN"] ?? join(target, "debug/chatserver");
const chromium = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

function run(...words) {
  const env = { ...process.env, CHATSERVER_BIN: program, CHROMIUM: chromium };
  const { status } = spawnSync(process.execPath, words, { cwd: web, stdio: "inherit", env });
  if (status !== 0) process.exit(status ?? 1);
}

function demand(path, cure) {
  if (existsSync(path)) return;
  console.error(`${path} is missing: ${cure}.`);
  process.exit(1);
}

demand(join(web, "dist/index.html"), "run `npm run build -w web`");
demand(program, "run `cargo build`, or name another with CHATSERVER_BIN");
demand(chromium, "install Chromium (on Debian, the package chromium), or name another with CHROMIUM");

rmSync(join(web, "build"), { recursive: true, force: true });
run(compiler, "-p", "tsconfig.test.json");
const named = process.argv.slice(2);
const files = readdirSync(join(web, "build/test"))
  .filter((name) => name.endsWith(".test.js") && (named.length === 0 || named.some((part) => name.startsWith(part))))
  .map((name) => `build/test/${name}`);
demand(join(web, files[0] ?? "build/test/*.test.js"), "no file of test/ has this name");
// One file at a time: two browsers on two processors make scenes miss their deadlines.
run("--test", "--test-concurrency=1", "--test-reporter=spec", "--enable-source-maps", ...files);
