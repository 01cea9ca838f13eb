// Generates src/rest-types.ts from the server's OpenAPI document and src/op-types.ts from its AsyncAPI document. With
// --check it fails if a file is out of date. CHATSERVER_BIN names the program that prints the documents.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const root = new URL("..", import.meta.url);
const isCheck = process.argv.includes("--check");
const program = process.env.CHATSERVER_BIN ?? fileURLToPath(new URL("../../target/debug/chatserver", root));

/** Runs the program and parses its output. */
function printed(command) {
  try {
    return JSON.parse(execFileSync(program, [command], { encoding: "utf8" }));
  } catch (error) {
    console.error(`${program} does not run (${error.message}): build it, or name another with CHATSERVER_BIN.`);
    process.exit(1);
  }
}

/** Removes the lean form of an answer: the client fills in what it lacks (src/lean.ts). */
function completeOnly({ responses }) {
  const body = responses["200"]?.content?.["application/json"];
  const [whole, lean] = body?.schema?.anyOf ?? [];
  if (JSON.stringify(lean)?.includes("/Lean")) body.schema = whole;
}

/** Returns the REST document, reduced to what types are generated from. */
function rest() {
  const document = printed("openapi");
  for (const operation of Object.values(document.paths).flatMap((path) => Object.values(path))) {
    // Types are found by path and method. Without an operation id, each type is written where it is used.
    delete operation.operationId;
    completeOnly(operation);
    // All refusals have one shape, which the client turns into a ChatError.
    for (const status of Object.keys(operation.responses)) if (!status.startsWith("2")) delete operation.responses[status];
  }
  for (const name of Object.keys(document.components.schemas)) {
    if (name.startsWith("Lean")) delete document.components.schemas[name];
  }
  return document;
}

/** Returns a schema for each op that a stream client may send, without the `id`, which the client adds. */
function ops() {
  const { components } = printed("asyncapi");
  const schemas = {};
  for (const { name, payload } of Object.values(components.messages)) {
    // The first frame, `auth`, is not an op: it has no id.
    if (payload.properties?.op === undefined || !payload.required.includes("id")) continue;
    const { id: _, ...properties } = payload.properties;
    schemas[name] = { ...payload, properties, required: payload.required.filter((field) => field !== "id") };
  }
  const known = { ...components.schemas };
  const used = (text) => [...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name);
  const open = used(JSON.stringify(schemas));
  while (open.length > 0) {
    const name = open.pop();
    if (name in schemas) continue;
    schemas[name] = known[name];
    open.push(...used(JSON.stringify(known[name])));
  }
  return { openapi: "3.1.0", info: { title: "ops", version: "2" }, paths: {}, components: { schemas } };
}

async function make(file, kind, document) {
  const target = new URL(`src/${file}`, root);
  const made = `/** Generated from the server's ${kind} document by \`npm run types\`; changes by hand are lost. */

${astToString(await openapiTS(document, { emptyObjectsUnknown: true }))}`;
  if (!isCheck) {
    writeFileSync(target, made);
  } else if (readFileSync(target, "utf8") !== made) {
    console.error(`src/${file} is not what the server's ${kind} document says: run \`npm run types\`.`);
    process.exit(1);
  }
}

await make("rest-types.ts", "OpenAPI", rest());
await make("op-types.ts", "AsyncAPI", ops());
