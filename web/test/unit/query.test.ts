/** What somebody types to find messages, and how it is marked in what was found. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { isSearchable, parseQuery, piecesOf, toggleFilter } from "../../src/side/query.js";

test("words and phrases go to the server; the word that is being typed may be a beginning", () => {
  assert.equal(parseQuery('old "blue cheese" mou').q, 'old "blue cheese" mou*');
  assert.equal(parseQuery("old mouse ").q, "old mouse");
  assert.equal(parseQuery('"blue che').q, '"blue che');
  assert.equal(parseQuery("mou*").q, "mou*");
  assert.equal(parseQuery("blue mou has:media").q, "blue mou*");
});

test("filters are taken out of it", () => {
  const { q, from, since, until, hasMedia } = parseQuery(
    'cheese from:"Tom Cat" after:2026-01-31 before:2026-2-1 has:media trap ',
  );
  assert.equal(q, "cheese trap");
  assert.equal(from, "Tom Cat");
  assert.equal(since, new Date(2026, 0, 31).toISOString());
  assert.equal(until, new Date(2026, 1, 1).toISOString());
  assert.equal(hasMedia, true);
});

test("quotation marks may be curled", () => {
  assert.equal(parseQuery("old “blue cheese” mou").q, 'old "blue cheese" mou*');
  assert.equal(parseQuery("from:„Tom Cat“ trap ").from, "Tom Cat");
});

test("a filter that is not finished filters nothing", () => {
  for (const text of ["from:", "after:2026-0", "has:", "before:yesterday"]) {
    const { q, from, since, until, hasMedia } = parseQuery(text);
    assert.deepEqual([q, from, since, until, hasMedia], ["", undefined, undefined, undefined, undefined], text);
  }
});

test("days alone are searched in one conversation only", () => {
  assert.ok(!isSearchable(parseQuery("  "), true));
  assert.ok(!isSearchable(parseQuery('"" *'), true));
  assert.ok(isSearchable(parseQuery("after:2026-01-01 "), true));
  assert.ok(!isSearchable(parseQuery("after:2026-01-01 "), false));
  assert.ok(isSearchable(parseQuery("from:tom"), false));
});

test("a filter is added and taken away by a button", () => {
  assert.equal(toggleFilter("cheese ", "has:media"), "cheese has:media");
  assert.equal(toggleFilter("cheese has:media", "has:media"), "cheese");
  assert.equal(toggleFilter("from:tom cheese", "from:"), "cheese");
  assert.equal(toggleFilter('from:"Tom Cat" cheese', "from:"), "cheese");
});

const marked = (text: string, query: string): string =>
  piecesOf(text, parseQuery(query).marks)
    .map((piece) => (piece.isMarked ? `[${piece.text}]` : piece.text))
    .join("");

test("words that were found are marked, without regard to case and accents", () => {
  assert.equal(marked("A Café, a cafe and a cafeteria", "cafe "), "A [Café], a [cafe] and a cafeteria");
  assert.equal(marked("A cafeteria", "caf"), "A [cafeteria]");
  assert.equal(marked("blue cheese", '"blue cheese" '), "[blue] [cheese]");
  assert.equal(marked("nothing here", "has:media"), "nothing here");
});

test("a long text is cut around what was found", () => {
  const text = `${"word ".repeat(100)}needle ${"word ".repeat(100)}`;
  const cut = marked(text, "needle ");
  assert.ok(cut.length < 300, cut);
  assert.match(cut, /^…word .*\[needle\] word.*…$/s);
});

test("no text takes long, and nothing is lost of a short one", () => {
  const text = "a".repeat(16_000);
  assert.equal(piecesOf(text, parseQuery("a").marks)[0]?.text.length, 280);
  assert.equal(piecesOf("x < y && <b>", [])[0]?.text, "x < y && <b>");
});
