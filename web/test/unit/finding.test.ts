/** The client finds names as the server does: by the same table of cases. */

import assert from "node:assert/strict";
import { test } from "node:test";
import cases from "../../../crates/chat-names/src/finding.json";
import { findByName, matchRank, normalizeQuery } from "../../src/text/finding.js";

test("names are found by the beginnings of words, ignoring accents", () => {
  assert.ok(cases.length > 30);
  for (const [name, query, isFound] of cases as [string, string, boolean][]) {
    assert.equal(matchRank(name, normalizeQuery(query)) !== undefined, isFound, `${name} by ${query}`);
  }
});

test("names that begin with the query come first, the others in their order", () => {
  const names = ["Tom Cat", "cat", "a cat", "dog", "Çat"];
  assert.deepEqual(
    findByName(names, "CAT", (name) => name),
    ["cat", "Çat", "Tom Cat", "a cat"],
  );
});
