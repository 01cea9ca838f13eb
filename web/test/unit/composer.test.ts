/** Formatting, length and attachments in the composer. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { isTooLong, roomLeft } from "../../src/composer/length.js";
import { isAddress, link, linkTo, toggleMark, type Change } from "../../src/composer/marks.js";
import { kindOf, mediaOf, shortName } from "../../src/composer/media.js";

/** Returns the text after a change, with the selection in brackets. */
function after(text: string, change: Change): string {
  const whole = text.slice(0, change.from) + change.text + text.slice(change.to);
  return `${whole.slice(0, change.start)}[${whole.slice(change.start, change.end)}]${whole.slice(change.end)}`;
}

test("marks are added around the selection and removed again", () => {
  assert.equal(after("a word", toggleMark("a word", 2, 6, "**")), "a **[word]**");
  assert.equal(after("a **word**", toggleMark("a **word**", 4, 8, "**")), "a [word]");
  assert.equal(after("", toggleMark("", 0, 0, "`")), "`[]`");
});

test("two stars are not two single stars", () => {
  assert.equal(after("**word**", toggleMark("**word**", 2, 6, "*")), "***[word]***");
});

test("the selection becomes a link whose address is typed next", () => {
  assert.equal(after("see this", link("see this", 4, 8)), "see [this]([https://])");
});

test("an address pasted over the selection becomes its link", () => {
  const address = "https://example.com/a?b=c";
  assert.equal(after("see this", linkTo("see this", 4, 8, address)), `see [this](${address})[]`);
  assert.ok(isAddress(address) && isAddress("http://localhost:8080/"));
  for (const other of [
    "example.com",
    "https://",
    "javascript:alert(1)",
    "https://a.example/ and more",
    "https://a/)",
  ]) {
    assert.ok(!isAddress(other), other);
  }
});

test("remaining room is counted in bytes and shown only when it is short", () => {
  assert.equal(roomLeft("a".repeat(15_000)), undefined);
  assert.equal(roomLeft("a".repeat(16_000)), 384);
  assert.equal(roomLeft("é".repeat(8_192)), 0);
  assert.equal(roomLeft("🙂".repeat(4_097)), -4);
  assert.ok(!isTooLong("a".repeat(16_384)));
  assert.ok(isTooLong("a".repeat(16_385)));
});

test("an attachment's kind follows from its file extension", () => {
  assert.equal(kindOf("https://example.com/a/Cat.JPG?size=2"), "image");
  assert.equal(kindOf("https://example.com/a.mp4#t=1"), "video");
  assert.equal(kindOf("https://example.com/jpg"), "file");
  assert.equal(kindOf("cat.jpg"), "file");
});

test("only addresses that others can open are attached", () => {
  for (const address of ["", "cat.jpg", "javascript:alert(1)", "file:///etc/passwd", "data:text/plain,x"]) {
    assert.equal(mediaOf(address, "x"), undefined, address);
  }
  assert.deepEqual(mediaOf(" https://example.com/cat.png ", " "), {
    url: "https://example.com/cat.png",
    type: "image",
  });
  const named = mediaOf("http://example.com/x", "A song", "audio");
  assert.deepEqual(named, { url: "http://example.com/x", type: "audio", name: "A song" });
});

test("without a name the end of the address is shown", () => {
  assert.equal(shortName({ url: "https://example.com/a/cat.png?x=1" }), "cat.png");
  assert.equal(shortName({ url: "https://example.com/" }), "example.com");
  assert.equal(shortName({ url: "https://example.com/a", name: "Cat" }), "Cat");
});
