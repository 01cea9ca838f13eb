// Runs the unit tests in test/unit: TypeScript that needs neither page nor server, bundled for Node's test runner.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const tests = fileURLToPath(new URL("../test/unit/", import.meta.url));
const require = createRequire(import.meta.url);
// The version that Vite depends on.
const { buildSync } = createRequire(require.resolve("vite/package.json"))("esbuild");

const names = readdirSync(tests).filter((name) => name.endsWith(".test.ts"));
const out = mkdtempSync(join(tmpdir(), "chatserver-web-unit-"));
let status = 1;
try {
  buildSync({
    entryPoints: names.map((name) => join(tests, name)),
    outdir: out,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    sourcemap: "inline",
    logLevel: "warning",
  });
  const built = names.map((name) => join(out, name.replace(/\.ts$/, ".mjs")));
  status = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...built], { stdio: "inherit" }).status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
process.exit(status);
