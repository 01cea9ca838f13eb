/** What messages are read as. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { hiddenPlace, otherPlace } from "../../src/text/places.js";
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

test("what is too long for an address is text, and the text goes on behind it", () => {
  const long = `https://a.example/${"x/https://b.example/".repeat(150)}`;
  assert.deepEqual(line(`${long} https://c.example/`), [
    text(`${long} `),
    { kind: "link", href: "https://c.example/", parts: [text("https://c.example/")], isBare: true },
  ]);
});

test("a link whose words look like another place says where it leads", () => {
  for (const [words, href, place] of [
    ["https://bank.example", "https://evil.example/login", "evil.example"],
    ["bank.example", "https://evil.example:8443/", "evil.example:8443"],
    ["log in at www.bank.example/here now", "https://evil.example/", "evil.example"],
    ["https://bank.example", "https://bank.example.evil.example/", "bank.example.evil.example"],
    ["bank.example@evil.example", "https://evil.example/", "evil.example"],
    ["ｂａｎｋ．example", "https://evil.example/", "evil.example"],
    ["bank\u200b.exam\u00adple", "https://evil.example/", "evil.example"],
    ["bank。example", "https://evil.example/", "evil.example"],
    ["192.0.2.1", "https://evil.example/", "evil.example"],
    ["tom@bank.example", "https://evil.example/", "evil.example"],
    ["https://bank.example", "mailto:me@evil.example", "me@evil.example"],
    ["tom@bank.example", "mailto:tom@evil.example", "tom@evil.example"],
    ["раураӏ.example", "https://evil.example/", "evil.example"],
  ] as const) {
    assert.equal(otherPlace(words, href), place, words);
  }
  for (const [words, href] of [
    ["the documents", "https://docs.example/"],
    ["https://docs.example/a.html", "https://docs.example/b.html"],
    ["www.docs.example", "https://docs.example/"],
    ["docs.example:8443 and docs.example", "https://DOCS.example/"],
    ["tom@docs.example", "mailto:tom@docs.example"],
    ["münchen.example", "https://xn--mnchen-3ya.example/"],
    ["Hello. World", "https://docs.example/"],
    ["v1.2, 3.5 and e.g. so", "https://docs.example/"],
    ["", "https://docs.example/"],
  ] as const) {
    assert.equal(otherPlace(words, href), undefined, words);
  }
});

test("a bare address that hides where it leads says so", () => {
  assert.equal(hiddenPlace("https://bank.example@evil.example/"), "evil.example");
  assert.equal(hiddenPlace("https://xn--80ak6aa92e.example/"), "xn--80ak6aa92e.example");
  assert.equal(hiddenPlace("https://docs.example/a@b.example"), undefined);
  assert.equal(hiddenPlace("mailto:tom@docs.example"), undefined);
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
