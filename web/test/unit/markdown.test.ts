/** What messages are read as. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../../src/text/markdown.js";
import { mentionsOf } from "../../src/text/mentions.js";
import type { Block, Inline } from "../../src/text/tree.js";

const text = (words: string): Inline => ({ kind: "text", text: words });
const paragraph = (...parts: Inline[]): Block => ({ kind: "paragraph", parts });
const line = (source: string): Inline[] => {
  const [block] = parse(source);
  assert.equal(block?.kind, "paragraph");
  return block.parts;
};

test("plain text stays as it is", () => {
  for (const plain of [
    "Hello",
    "2*3*4 = 24",
    "snake_case_name",
    "a * b * c",
    "x ~ y",
    "[not] (a link)",
    "1984. ",
    "#tag",
    "a__b__c",
    "****",
    "-5",
  ]) {
    assert.deepEqual(line(plain), [text(plain)], plain);
  }
});

test("bold, italic, struck out and code", () => {
  assert.deepEqual(line("**a** *b* _c_ __d__ ~~e~~ `f`"), [
    { kind: "bold", parts: [text("a")] },
    text(" "),
    { kind: "italic", parts: [text("b")] },
    text(" "),
    { kind: "italic", parts: [text("c")] },
    text(" "),
    { kind: "bold", parts: [text("d")] },
    text(" "),
    { kind: "strike", parts: [text("e")] },
    text(" "),
    { kind: "code", text: "f" },
  ]);
});

test("within each other", () => {
  const both: Inline = { kind: "bold", parts: [{ kind: "italic", parts: [text("both")] }] };
  assert.deepEqual(line("***both***"), [both]);
  assert.deepEqual(line("**a *b* c**"), [
    { kind: "bold", parts: [text("a "), { kind: "italic", parts: [text("b")] }, text(" c")] },
  ]);
});

test("what is not closed is text", () => {
  assert.deepEqual(line("*note: **really** so"), [
    text("*note: "),
    { kind: "bold", parts: [text("really")] },
    text(" so"),
  ]);
  assert.deepEqual(line("`half"), [text("`half")]);
  assert.deepEqual(line("[half](https://example.com"), [
    text("[half]("),
    { kind: "link", href: "https://example.com/", parts: [text("https://example.com")], isBare: true },
  ]);
});

test("code is not read, whatever is in it", () => {
  assert.deepEqual(line("`**a** @tom https://x.example`"), [{ kind: "code", text: "**a** @tom https://x.example" }]);
  assert.deepEqual(line("`` a`b ``"), [{ kind: "code", text: "a`b" }]);
});

test("signs behind a backslash are text", () => {
  assert.deepEqual(line("\\*a\\* C:\\dir"), [text("*a* C:\\dir")]);
});

test("bare addresses end where the sentence goes on", () => {
  const hrefs = (source: string): string[] => line(source).flatMap((part) => (part.kind === "link" ? [part.href] : []));
  assert.deepEqual(hrefs("See https://a.example/x?y=1#z."), ["https://a.example/x?y=1#z"]);
  assert.deepEqual(hrefs("(http://a.example/x_(y))"), ["http://a.example/x_(y)"]);
  assert.deepEqual(hrefs("**https://a.example**, HTTPS://B.example!"), ["https://b.example/"]);
  assert.deepEqual(line("xhttps://a.example"), [text("xhttps://a.example")]);
});

test("links that may not be followed are text", () => {
  for (const address of [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "//x.example",
    "x",
  ]) {
    assert.deepEqual(line(`[a](${address})`), [text(`[a](${address})`)], address);
  }
  assert.deepEqual(line("[**a**](mailto:a@b.example)"), [
    { kind: "link", href: "mailto:a@b.example", parts: [{ kind: "bold", parts: [text("a")] }], isBare: false },
  ]);
});

test("a link has no links in it", () => {
  assert.deepEqual(line("[see https://a.example](https://b.example/)"), [
    { kind: "link", href: "https://b.example/", parts: [text("see https://a.example")], isBare: false },
  ]);
});

test("mentions are those that the message names", () => {
  const at = mentionsOf(
    [
      { id: 2, name: "jerry" },
      { id: 3, name: "jerry mouse" },
    ],
    true,
  );
  const [block] = parse("@Jerry, @jerry mouse and @all; not @tom, a@jerry or @jerrys", at);
  assert.deepEqual(
    block,
    paragraph(
      { kind: "mention", user: 2, text: "@Jerry" },
      text(", "),
      { kind: "mention", user: 3, text: "@jerry mouse" },
      text(" and "),
      { kind: "mention", user: "all", text: "@all" },
      text("; not @tom, a@jerry or @jerrys"),
    ),
  );
});

test("blocks", () => {
  assert.deepEqual(parse("# Title\none\ntwo\n\nthree\n> quoted\n> more\n```js\nlet a = `b`;\n\n```\nend"), [
    { kind: "heading", parts: [text("Title")] },
    paragraph(text("one\ntwo")),
    paragraph(text("three")),
    { kind: "quote", blocks: [paragraph(text("quoted\nmore"))] },
    { kind: "code", language: "js", text: "let a = `b`;\n" },
    paragraph(text("end")),
  ]);
});

test("a block of code that is not closed yet goes to the end", () => {
  assert.deepEqual(parse("```\na\nb"), [{ kind: "code", language: "", text: "a\nb" }]);
});

test("lists, within each other and with their numbers", () => {
  assert.deepEqual(parse("- a\n- b\n  - c\n3. d\n4. e"), [
    {
      kind: "list",
      start: undefined,
      items: [
        [paragraph(text("a"))],
        [paragraph(text("b")), { kind: "list", start: undefined, items: [[paragraph(text("c"))]] }],
      ],
    },
    { kind: "list", start: 3, items: [[paragraph(text("d"))], [paragraph(text("e"))]] },
  ]);
});
