// Adds up what a browser loads before the client shows something, or the widget a conversation in which one can read and write:
// scripts and styles as they are sent. Fails if that is more than the limit. What is loaded after that does not count.

import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const dist = new URL("../dist/", import.meta.url);

/** The scripts and styles that a page names. */
function namedBy(page) {
  const text = readFileSync(new URL(page, dist), "utf8");
  const named = [...text.matchAll(/<(?:script|link)\b[^>]*\b(?:src|href)="\/([^"]+\.(?:js|css))"/g)];
  if (named.length === 0) {
    console.error(`${fileURLToPath(dist)}${page} names no scripts: is it the built page?`);
    process.exit(1);
  }
  return named.map(([, path]) => path);
}

/** Whether all of it is within the limit. */
function check(what, paths, limit) {
  let total = 0;
  for (const path of new Set(paths)) {
    const { size } = statSync(new URL(`${path}.gz`, dist));
    console.log(`${String(size).padStart(7)} ${path}`);
    total += size;
  }
  console.log(`${total} bytes gzipped before the first picture of ${what}; the limit is ${limit}`);
  return total <= limit;
}

/** What is loaded when the widget's window is first opened, as the scripts that are there already name it. */
function openedBy(named) {
  const text = named.map((path) => readFileSync(new URL(path, dist), "utf8")).join();
  return [...text.matchAll(/"(assets\/[^"]+\.(?:js|css))"/g)].map(([, path]) => path);
}

const widget = ["widget.js", ...namedBy("embed.html")];
const isClientSmall = check("the client", namedBy("index.html"), 120_000);
// What is there before the window is opened, and what opening it loads, until one can read and write.
const isWidgetSmall = check("the widget's conversation", [...widget, ...openedBy(widget)], 60_000);
if (!isClientSmall || !isWidgetSmall) process.exit(1);
