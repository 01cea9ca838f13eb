/** Recognizing texts that are only emoji. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { isEmojiOnly } from "../../src/text/emoji.js";

test("a few emoji, however they are composed", () => {
  for (const emoji of ["👍", "❤️", "👩‍👩‍👧‍👦", "🇩🇪", "👍🏽 🎉", "1️⃣"]) assert.ok(isEmojiOnly(emoji), emoji);
});

test("anything else", () => {
  for (const other of ["", " ", "a👍", "1", "#", "👍👍👍👍👍👍", "x".repeat(1000)])
    assert.ok(!isEmojiOnly(other), other);
});
