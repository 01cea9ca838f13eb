// Makes src/rest-types.ts from the server's OpenAPI document; with --check it fails if the file is not what it would be.
// The document comes from the program named by CHATSERVER_BIN, or from a file that is named on the command line.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const root = new URL("..", import.meta.url);
const target = new URL("src/rest-types.ts", root);
const isCheck = process.argv.includes("--check");
const file = process.argv.slice(2).find((word) => !word.startsWith("--"));
const program = process.env.CHATSERVER_BIN ?? fileURLToPath(new URL("../../target/debug/chatserver", root));

/** What the program prints, or the file holds. */
function read() {
  if (file !== undefined) return readFileSync(file, "utf8");
  try {
    return execFileSync(program, ["openapi"], { encoding: "utf8" });
  } catch (error) {
    console.error(`${program} does not run (${error.message}): build it, name another with CHATSERVER_BIN, or name a file.`);
    process.exit(1);
  }
}

const document = JSON.parse(read());
for (const operation of Object.values(document.paths).flatMap((path) => Object.values(path))) {
  // Types are found by path and method: without a name each stands where it is used.
  delete operation.operationId;
  // Refusals have one shape, whatever was asked for: the client makes a ChatError of them.
  for (const status of Object.keys(operation.responses)) if (!status.startsWith("2")) delete operation.responses[status];
}
const made = `/** Generated from the server's OpenAPI document by \`npm run types\`; changes by hand are lost. */

${astToString(await openapiTS(document))}`;

if (!isCheck) {
  writeFileSync(target, made);
} else if (readFileSync(target, "utf8") !== made) {
  console.error("src/rest-types.ts is not what the server's OpenAPI document says: run `npm run types`.");
  process.exit(1);
}
