// Adds up what a browser loads before the client shows something, and before the user can read and write in the widget:
// scripts and styles, compressed. Fails if a sum exceeds its limit. Code that is loaded later does not count.

import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const dist = new URL("../dist/", import.meta.url);

/** Returns the scripts and styles that a page names. */
function namedBy(page) {
  const text = readFileSync(new URL(page, dist), "utf8");
  const named = [...text.matchAll(/<(?:script|link)\b[^>]*\b(?:src|href)="\/([^"]+\.(?:js|css))"/g)];
  if (named.length === 0) {
    console.error(`${fileURLToPath(dist)}${page} names no scripts: is it the built page?`);
    process.exit(1);
  }
  return named.map(([, path]) => path);
}

/** Checks that the sum is within the limit. */
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

/** Returns what the first opening of the widget's window loads, as named by the scripts loaded before. */
function openedBy(named) {
  const text = named.map((path) => readFileSync(new URL(path, dist), "utf8")).join();
  return [...text.matchAll(/"(assets\/[^"]+\.(?:js|css))"/g)].map(([, path]) => path);
}

const widget = ["widget.js", ...namedBy("embed.html")];
const isClientSmall = check("the client", namedBy("index.html"), 120_000);
// The scripts before the window is opened, and those that opening it loads until the user can read and write.
const isWidgetSmall = check("the widget's conversation", [...widget, ...openedBy(widget)], 60_000);
if (!isClientSmall || !isWidgetSmall) process.exit(1);
