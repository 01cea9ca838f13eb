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

const document = file === undefined ? execFileSync(program, ["openapi"], { encoding: "utf8" }) : readFileSync(file, "utf8");
const made = `/** Generated from the server's OpenAPI document by \`npm run types\`; changes by hand are lost. */

${astToString(await openapiTS(document))}`;

if (!isCheck) {
  writeFileSync(target, made);
} else if (readFileSync(target, "utf8") !== made) {
  console.error("src/rest-types.ts is not what the server's OpenAPI document says: run `npm run types`.");
  process.exit(1);
}
