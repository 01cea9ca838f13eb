/** The published package: its files, its installation, its types, and the truth of its README. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Server } from "../support/server.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../../", import.meta.url));
/** Returns the folder of a package, which the web client may share. */
const packageOf = (name: string): string => dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));

let folder: string;
let files: string[];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "chatserver-package-"));
  const { stdout } = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], { cwd: root });
  const [packed] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  files = packed.files.map(({ path }) => path);
  await writeFile(join(folder, "package.json"), '{"type":"module"}');
  await run("npm", ["install", "--offline", "--no-audit", "--no-fund", join(folder, packed.filename)], { cwd: folder });
  await symlink(packageOf("ws"), join(folder, "node_modules/ws"));
});

after(() => rm(folder, { recursive: true, force: true }));

test("the package contains exactly the files that it needs", async () => {
  const others = files.filter((path) => !/^dist\/[a-z-]+\.(js|d\.ts)$/.test(path));
  assert.deepEqual(others.sort(), ["LICENSE", "README.md", "package.json"]);
  const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as Record<string, unknown>;
  assert.equal(manifest["dependencies"], undefined);
  assert.equal(manifest["peerDependencies"], undefined);
  assert.equal(manifest["sideEffects"], false);
  assert.deepEqual(manifest["engines"], { node: ">=20" });
  for (const path of [manifest["types"], ...Object.values((manifest["exports"] as { ".": object })["."])]) {
    assert.ok(files.includes(String(path).replace("./", "")), `${String(path)} is published`);
  }
});

test("the types need only the language's standard library", async () => {
  const source = `import { ChatClient, type Message } from "chatserver-client";
    const client = new ChatClient({ url: "http://localhost", token: "t" });
    client.on("message", ({ event, message }) => { const known: Message = message; const name: string = event; void [known, name]; });
    client.on("status", (status) => { if (status.status === "waiting") { const ms: number = status.retry_in_ms; void ms; } });
    // @ts-expect-error there is no such event
    client.on("nothing", () => undefined);
    // @ts-expect-error a message goes to somebody
    void client.send({ content: "hi" });
    const ids: Promise<number[]> = client.rest.get("/v1/conversations").then(({ conversations }) => conversations.map(({ id }) => id));
    void ids;`;
  await writeFile(join(folder, "user.ts"), source);
  const compiler = join(packageOf("typescript"), "bin/tsc");
  const flags = ["--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "--lib", "es2022"];
  await run(process.execPath, [compiler, ...flags, "user.ts"], { cwd: folder }).catch((error: { stdout: string }) => {
    assert.fail(error.stdout);
  });
});

test("the README's first program does what it says", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const [, program = "", output = ""] = /```js\n(.*?)```\n+```text\n(.*?)```/s.exec(readme) ?? [];
  assert.equal(program.trim().split("\n").length, 10);
  const server = await Server.start();
  try {
    await writeFile(join(folder, "quickstart.mjs"), program.replace("http://localhost:8080", server.url));
    const { stdout } = await run(process.execPath, ["quickstart.mjs"], { cwd: folder, timeout: 10_000 });
    assert.equal(stdout, output);
  } finally {
    await server.remove();
  }
});

test("the README names every event, every option and everything that a client does", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const source = await readFile(join(root, "src/options.ts"), "utf8");
  const members = (name: string): string[] => {
    const body = new RegExp(`interface ${name} \\{(.*?)\\n\\}`, "s").exec(source)?.[1] ?? "";
    return [...body.matchAll(/^ {2}(\w+)\??:/gm)].map(([, member]) => member!);
  };
  const { ChatClient } = await import("../../src/index.js");
  const methods = Object.getOwnPropertyNames(ChatClient.prototype).filter((name) => name !== "constructor");
  const names = [...members("ChatEvents"), ...members("ChatOptions"), ...methods];
  assert.ok(names.length > 40, names.join());
  for (const name of names) assert.match(readme, new RegExp(`\`(client\\.)?${name}\\b`), `README.md has to explain ${name}`);
});
