// Adds up what a browser loads before the client shows something, scripts and styles as they are sent, and fails if that is
// more than the limit. What is loaded when it is wanted does not count.

import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const LIMIT_BYTES = 120_000;

const dist = new URL("../dist/", import.meta.url);
const page = readFileSync(new URL("index.html", dist), "utf8");
const named = [...page.matchAll(/<(?:script|link)\b[^>]*\b(?:src|href)="\/([^"]+\.(?:js|css))"/g)].map(
  ([, path]) => path,
);
if (named.length === 0) {
  console.error(`${fileURLToPath(dist)}index.html names no scripts: is it the built page?`);
  process.exit(1);
}
let total = 0;
for (const path of new Set(named)) {
  const { size } = statSync(new URL(`${path}.gz`, dist));
  console.log(`${String(size).padStart(7)} ${path}`);
  total += size;
}
console.log(`${total} bytes gzipped before the first picture; the limit is ${LIMIT_BYTES}`);
if (total > LIMIT_BYTES) process.exit(1);
