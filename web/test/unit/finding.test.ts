/** Names are found in the client as the server finds them: by the same table. */

import assert from "node:assert/strict";
import { test } from "node:test";
import cases from "../../../crates/chat-names/src/finding.json";
import { finding, fit, wanted } from "../../src/text/finding.js";

test("names are found by the beginnings of words whatever their accents", () => {
  assert.ok(cases.length > 30);
  for (const [name, query, isFound] of cases as [string, string, boolean][]) {
    assert.equal(fit(name, wanted(query)) !== undefined, isFound, `${name} by ${query}`);
  }
});

test("names that begin so come first, the others in their order", () => {
  const names = ["Tom Cat", "cat", "a cat", "dog", "Çat"];
  assert.deepEqual(
    finding(names, "CAT", (name) => name),
    ["cat", "Çat", "Tom Cat", "a cat"],
  );
});
