/** Parsing of search texts, and highlighting of results. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { isSearchable, parseQuery, piecesOf, toggleFilter } from "../../src/side/query.js";

test("words and phrases go to the server; the word being typed may be a prefix", () => {
  assert.equal(parseQuery('old "blue cheese" mou').q, 'old "blue cheese" mou*');
  assert.equal(parseQuery("old mouse ").q, "old mouse");
  assert.equal(parseQuery('"blue che').q, '"blue che');
  assert.equal(parseQuery("mou*").q, "mou*");
  assert.equal(parseQuery("blue mou has:media").q, "blue mou*");
});

test("filters are extracted", () => {
  const { q, from, since, until, hasMedia } = parseQuery(
    'cheese from:"Tom Cat" after:2026-01-31 before:2026-2-1 has:media trap ',
  );
  assert.equal(q, "cheese trap");
  assert.equal(from, "Tom Cat");
  assert.equal(since, new Date(2026, 0, 31).toISOString());
  assert.equal(until, new Date(2026, 1, 1).toISOString());
  assert.equal(hasMedia, true);
});

test("quotation marks may be curly", () => {
  assert.equal(parseQuery("old “blue cheese” mou").q, 'old "blue cheese" mou*');
  assert.equal(parseQuery("from:„Tom Cat“ trap ").from, "Tom Cat");
});

test("an unfinished filter is ignored", () => {
  for (const text of ["from:", "after:2026-0", "has:", "before:yesterday"]) {
    const { q, from, since, until, hasMedia } = parseQuery(text);
    assert.deepEqual([q, from, since, until, hasMedia], ["", undefined, undefined, undefined, undefined], text);
  }
});

test("days alone are searched only within one conversation", () => {
  assert.ok(!isSearchable(parseQuery("  "), true));
  assert.ok(!isSearchable(parseQuery('"" *'), true));
  assert.ok(isSearchable(parseQuery("after:2026-01-01 "), true));
  assert.ok(!isSearchable(parseQuery("after:2026-01-01 "), false));
  assert.ok(isSearchable(parseQuery("from:tom"), false));
});

test("a button adds and removes a filter", () => {
  assert.equal(toggleFilter("cheese ", "has:media"), "cheese has:media");
  assert.equal(toggleFilter("cheese has:media", "has:media"), "cheese");
  assert.equal(toggleFilter("from:tom cheese", "from:"), "cheese");
  assert.equal(toggleFilter('from:"Tom Cat" cheese', "from:"), "cheese");
});

const marked = (text: string, query: string): string =>
  piecesOf(text, parseQuery(query).marks)
    .map((piece) => (piece.isMarked ? `[${piece.text}]` : piece.text))
    .join("");

test("words that were found are highlighted, ignoring case and accents", () => {
  assert.equal(marked("A Café, a cafe and a cafeteria", "cafe "), "A [Café], a [cafe] and a cafeteria");
  assert.equal(marked("A cafeteria", "caf"), "A [cafeteria]");
  assert.equal(marked("blue cheese", '"blue cheese" '), "[blue] [cheese]");
  assert.equal(marked("nothing here", "has:media"), "nothing here");
});

test("a long text is cut around the first hit", () => {
  const text = `${"word ".repeat(100)}needle ${"word ".repeat(100)}`;
  const cut = marked(text, "needle ");
  assert.ok(cut.length < 300, cut);
  assert.match(cut, /^…word .*\[needle\] word.*…$/s);
});

test("no text takes long, and a short one is not cut", () => {
  const text = "a".repeat(16_000);
  assert.equal(piecesOf(text, parseQuery("a").marks)[0]?.text.length, 280);
  assert.equal(piecesOf("x < y && <b>", [])[0]?.text, "x < y && <b>");
});
