/** Whatever somebody sends is read quickly, loses no word, and leads nowhere that runs. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { lastPart } from "../../src/messages/address.js";
import { withoutEmptyLines } from "../../src/text/lines.js";
import { otherPlace } from "../../src/text/places.js";
import { parse } from "../../src/text/markdown.js";
import { mentionsOf } from "../../src/text/mentions.js";
import type { Block, Inline } from "../../src/text/tree.js";
import { workOf } from "./processor.js";

/** The longest that the server takes. */
const LONGEST = 16 * 1024;
const PATIENCE_MS = 250;
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

/** Numbers that follow from a seed, so that a failure can be had again. */
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

/** Words are what is left without signs, numbers and spaces. */
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
  assert.ok(took < PATIENCE_MS, `${took} ms for ${JSON.stringify(source.slice(0, 80))}`);
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

test("texts that repeat what is costly, as long as they may be", () => {
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
  for (const piece of costly) check(piece.repeat(Math.floor(LONGEST / piece.length)));
});

/** Each sign is looked at a bounded number of times, so a text that is eight times as long takes eight times as long. Where each
 * place is looked at from every other, it takes sixty-four times as long, and seconds. */
test("texts far longer than any take time in proportion", () => {
  const far = 8 * LONGEST;
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

test("what stands around a text costs no more than the text", () => {
  const far = 8 * LONGEST;
  const url = `https://a.example/${"a".repeat(far)}/`;
  const took = workOf(() => {
    assert.equal(withoutEmptyLines(`a${" ".repeat(far)}b \n\n \r\n c`), `a${" ".repeat(far)}b\nc`);
    assert.equal(lastPart(url), undefined);
    assert.equal(lastPart(`${url}b.png?c#d`), "b.png");
    otherPlace("a.example ".repeat(far / 10), "https://a.example/");
    otherPlace("a".repeat(far), "https://a.example/");
  });
  assert.ok(took < 4 * PATIENCE_MS, `${took} ms`);
});

test("nothing nests so deeply that it could not be shown", () => {
  const depthOf = (tree: unknown): number =>
    typeof tree === "object" && tree !== null ? 1 + Math.max(0, ...Object.values(tree).map(depthOf)) : 0;
  for (const piece of ["*a ", "**a *b ", "> ", "- ", "_a **b ~~c [d *e __f "]) {
    const source = piece.repeat(1000);
    assert.ok(depthOf(parse(source + [...source].reverse().join(""))) < 60, piece);
  }
});
