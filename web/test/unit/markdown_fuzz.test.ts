/** Any text is parsed quickly, loses no word, and has no link that runs code. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { lastPart } from "../../src/messages/address.js";
import { withoutEmptyLines } from "../../src/text/lines.js";
import { differentHost } from "../../src/text/link_hosts.js";
import { parse } from "../../src/text/markdown.js";
import { mentionsOf } from "../../src/text/mentions.js";
import type { Block, Inline } from "../../src/text/tree.js";
import { workOf } from "./processor.js";

/** The server's maximum. */
const MAX_LENGTH = 16 * 1024;
const TIMEOUT_MS = 250;
const at = mentionsOf(
  Array.from({ length: 100 }, (_, id) => ({ id, name: `user ${"x".repeat(id % 28)}` })),
  true,
);

const PIECES = [
  "*",
  "**",
  "***",
  "_",
  "__",
  "~~",
  "`",
  "``",
  "```",
  "\n",
  "\n\n",
  "\r\n",
  " ",
  "  ",
  "\t",
  "> ",
  ">",
  "- ",
  "+ ",
  "1. ",
  "# ",
  "[",
  "]",
  "(",
  ")",
  "](",
  "](https://a.example)",
  "](javascript:alert(1))",
  "](data:x)",
  "https://",
  "http://a.example/",
  "javascript:x",
  "\\",
  "@",
  "@all",
  "@user x",
  "<script>",
  "&amp;",
  "a",
  "bc",
  "é",
  "日本",
  "שלום",
  "😀",
  "\u202e",
  "\u0000",
  ".",
  "!",
  "|",
  "{",
  "}",
];

/** Makes pseudo-random numbers from a seed, so that a failure can be repeated. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function textOf(blocks: readonly Block[]): string {
  const inline = (part: Inline): string => {
    if (part.kind === "link") return part.parts.map(inline).join("") + (part.isBare ? "" : decodeURI(part.href));
    return "parts" in part ? part.parts.map(inline).join("") : part.text;
  };
  return blocks
    .map((block) => {
      if ("parts" in block) return block.parts.map(inline).join("");
      if ("text" in block) return block.language + block.text;
      return "items" in block ? block.items.map(textOf).join("") : textOf(block.blocks);
    })
    .join("");
}

/** Reduces a text to its letters, without signs, numbers and spaces. */
const wordsOf = (text: string): string => text.replace(/[^\p{L}\p{So}]/gu, "").toLowerCase();

function hrefsOf(tree: unknown): string[] {
  const found: string[] = [];
  JSON.stringify(tree, (key, value: unknown) => {
    if (key === "href") found.push(String(value));
    return value;
  });
  return found;
}

function check(source: string): void {
  let tree: Block[] = [];
  const took = workOf(() => (tree = parse(source, at)));
  assert.ok(took < TIMEOUT_MS, `${took} ms for ${JSON.stringify(source.slice(0, 80))}`);
  for (const href of hrefsOf(tree)) assert.match(href, /^(https?|mailto):/);
  assert.equal(wordsOf(textOf(tree)), wordsOf(source), JSON.stringify(source));
}

test("random texts", () => {
  const next = numbers(5);
  for (let round = 0; round < 5000; round += 1) {
    const length = Math.floor(next() * 40);
    check(Array.from({ length }, () => PIECES[Math.floor(next() * PIECES.length)]).join(""));
  }
});

test("texts of maximum length that repeat costly syntax", () => {
  const costly = [
    ...PIECES,
    "*a ",
    "*a* ",
    "**a",
    "a**",
    "[a",
    "[](",
    "[](http://",
    "[a](http://b ",
    "`a``b```c",
    "> > ",
    "- - ",
    "  - a\n",
    "\\`",
    "@user ",
    "_a__b_",
    "***a",
    "~~a",
    "https://(((",
    "https://a.example)))",
    ">".repeat(9),
    "\t- ",
  ];
  for (const piece of costly) check(piece.repeat(Math.floor(MAX_LENGTH / piece.length)));
});

/**
 * Each character is visited a bounded number of times, so a text eight times as long takes eight times as long. A
 * quadratic parser would take sixty-four times as long, which is seconds.
 */
test("far longer texts take time in proportion", () => {
  const far = 8 * MAX_LENGTH;
  for (const piece of [
    "http://a.example/",
    "https://",
    "https://(((",
    "https://[",
    "https://a.example)))",
    "(http://a)",
  ]) {
    check(piece.repeat(Math.floor(far / piece.length)));
  }
  for (const text of [
    `\`\` ${"a".repeat(far)}\`\``,
    `\` ${"a ".repeat(far / 2)}b\``,
    `https://a.example/${"x".repeat(far)}`,
  ]) {
    check(text);
  }
});

test("formatting around a text costs no more than the text", () => {
  const far = 8 * MAX_LENGTH;
  const url = `https://a.example/${"a".repeat(far)}/`;
  const took = workOf(() => {
    assert.equal(withoutEmptyLines(`a${" ".repeat(far)}b \n\n \r\n c`), `a${" ".repeat(far)}b\nc`);
    assert.equal(lastPart(url), undefined);
    assert.equal(lastPart(`${url}b.png?c#d`), "b.png");
    differentHost("a.example ".repeat(far / 10), "https://a.example/");
    differentHost("a".repeat(far), "https://a.example/");
  });
  assert.ok(took < 4 * TIMEOUT_MS, `${took} ms`);
});

test("nesting is bounded", () => {
  const depthOf = (tree: unknown): number =>
    typeof tree === "object" && tree !== null ? 1 + Math.max(0, ...Object.values(tree).map(depthOf)) : 0;
  for (const piece of ["*a ", "**a *b ", "> ", "- ", "_a **b ~~c [d *e __f "]) {
    const source = piece.repeat(1000);
    assert.ok(depthOf(parse(source + [...source].reverse().join(""))) < 60, piece);
  }
});
