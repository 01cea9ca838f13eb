/** Parsing of messages. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { hiddenHost, differentHost } from "../../src/text/link_hosts.js";
import { parse } from "../../src/text/markdown.js";
import { mentionsOf } from "../../src/text/mentions.js";
import { inOneLine, wordsOf, type Block, type Inline } from "../../src/text/tree.js";

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

test("bold, italic, strikethrough and code", () => {
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

test("nested formatting", () => {
  const both: Inline = { kind: "bold", parts: [{ kind: "italic", parts: [text("both")] }] };
  assert.deepEqual(line("***both***"), [both]);
  assert.deepEqual(line("**a *b* c**"), [
    { kind: "bold", parts: [text("a "), { kind: "italic", parts: [text("b")] }, text(" c")] },
  ]);
});

test("unclosed marks are text", () => {
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

test("code is not parsed, whatever it contains", () => {
  assert.deepEqual(line("`**a** @tom https://x.example`"), [{ kind: "code", text: "**a** @tom https://x.example" }]);
  assert.deepEqual(line("`` a`b ``"), [{ kind: "code", text: "a`b" }]);
});

test("signs after a backslash are text", () => {
  assert.deepEqual(line("\\*a\\* C:\\dir"), [text("*a* C:\\dir")]);
});

test("bare addresses end where the sentence continues", () => {
  const hrefs = (source: string): string[] => line(source).flatMap((part) => (part.kind === "link" ? [part.href] : []));
  assert.deepEqual(hrefs("See https://a.example/x?y=1#z."), ["https://a.example/x?y=1#z"]);
  assert.deepEqual(hrefs("(http://a.example/x_(y))"), ["http://a.example/x_(y)"]);
  assert.deepEqual(hrefs("**https://a.example**, HTTPS://B.example!"), ["https://b.example/"]);
  assert.deepEqual(line("xhttps://a.example"), [text("xhttps://a.example")]);
});

test("an overlong address is text, and parsing continues after it", () => {
  const long = `https://a.example/${"x/https://b.example/".repeat(150)}`;
  assert.deepEqual(line(`${long} https://c.example/`), [
    text(`${long} `),
    { kind: "link", href: "https://c.example/", parts: [text("https://c.example/")], isBare: true },
  ]);
});

test("a link whose text suggests another host shows where it leads", () => {
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
    ["ｈｔｔｐｓ：／／ｂａｎｋ．ｅｘａｍｐｌｅ／", "https://evil.example/", "evil.example"],
    ["bank.\u202eexample", "https://evil.example/", "evil.example"],
    ["ht\u202dtps://bank.example", "https://evil.example/", "evil.example"],
    ["\u202eelpmaxe.knab", "https://evil.example/", "evil.example"],
    ["bank\u2024example", "https://evil.example/", "evil.example"],
    ["bank\ufe52example", "https://evil.example/", "evil.example"],
    ["bank\ua4f8example", "https://evil.example/", "evil.example"],
    ["bank\u034f.\u3164example", "https://evil.example/", "evil.example"],
    ["https:\u2215\u2215bank.example\u2215login", "https://evil.example/", "evil.example"],
  ] as const) {
    assert.equal(differentHost(words, href), place, words);
  }
  for (const [words, href] of [
    ["the documents", "https://docs.example/"],
    ["https://docs.example/a.html", "https://docs.example/b.html"],
    ["www.docs.example", "https://docs.example/"],
    ["docs.example:8443 and docs.example", "https://DOCS.example/"],
    ["tom@docs.example", "mailto:tom@docs.example"],
    ["münchen.example", "https://xn--mnchen-3ya.example/"],
    ["Hello. World", "https://docs.example/"],
    ["L\u2019Hospitalet\u2026 col\u00b7laborar", "https://docs.example/"],
    ["\u30b8\u30e7\u30f3\u30fb\u30b9\u30df\u30b9", "https://docs.example/"],
    ["\u0662\u0660\u0662\u0665", "https://docs.example/"],
    ["v1.2, 3.5 and e.g. so", "https://docs.example/"],
    ["", "https://docs.example/"],
  ] as const) {
    assert.equal(differentHost(words, href), undefined, words);
  }
});

test("a bare address that hides its host shows it", () => {
  assert.equal(hiddenHost("https://bank.example@evil.example/"), "evil.example");
  assert.equal(hiddenHost("https://xn--80ak6aa92e.example/"), "xn--80ak6aa92e.example");
  assert.equal(hiddenHost("https://docs.example/a@b.example"), undefined);
  assert.equal(hiddenHost("mailto:tom@docs.example"), undefined);
});

test("unsafe links are text", () => {
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

test("a link contains no links", () => {
  assert.deepEqual(line("[see https://a.example](https://b.example/)"), [
    { kind: "link", href: "https://b.example/", parts: [text("see https://a.example")], isBare: false },
  ]);
});

test("only mentions that the message names are found", () => {
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

/** Counts the parts and blocks of a message that are more than text. */
function drawn(source: string): number {
  const at = mentionsOf([], true);
  const inline = (parts: readonly Inline[]): number =>
    parts.reduce((sum, part) => sum + (part.kind === "text" ? 0 : 1) + ("parts" in part ? inline(part.parts) : 0), 0);
  const block = (one: Block): number =>
    "items" in one
      ? 1 + one.items.flat().reduce((sum, inner) => sum + 1 + block(inner), 0)
      : "blocks" in one
        ? one.blocks.reduce((sum, inner) => sum + block(inner), 1)
        : 1 + ("parts" in one ? inline(one.parts) : 0);
  return parse(source, at).reduce((sum, one) => sum + block(one), 0);
}

test("costly formatting applies to the first parts of a message; the rest is the text as it was written", () => {
  for (const one of [
    "http://a.b ",
    "[a](http://a.b)",
    "`a` ",
    "**a** ",
    "@all ",
    "- a\n",
    "> a\n\n",
    "# a\n",
    "a\n\n",
  ]) {
    const source = one.repeat(1400);
    const parts = drawn(source);
    assert.ok(parts >= 95 && parts <= 420, `${one}: ${parts}`);
    assert.equal(inOneLine(parse("- a\n".repeat(1400) + "the end")).endsWith("- a the end"), true);
  }
  const links = parse("http://a.b ".repeat(1400))[0] as Block & { kind: "paragraph" };
  assert.equal(links.parts.filter(({ kind }) => kind === "link").length, 100);
  assert.equal(wordsOf(links.parts), "http://a.b ".repeat(1400));
  const fenced = `\`\`\`\n${"a * b_c\n".repeat(1500)}\`\`\``;
  assert.equal(parse(fenced)[0]?.kind, "code", "a block counts once, however long");
});

test("an unclosed block of code extends to the end", () => {
  assert.deepEqual(parse("```\na\nb"), [{ kind: "code", language: "", text: "a\nb" }]);
});

test("lists, nested and with their numbers", () => {
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
