/** The line below a conversation's name, and how Markdown becomes plain text there. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { plain } from "../../src/conversations/plain.js";
import { previewOf, textOf, type PreviewContext } from "../../src/conversations/preview.js";
import { conversation, message } from "./conversations.js";
import { workOf } from "./processor.js";

const around = (more: Partial<PreviewContext> = {}): PreviewContext => ({
  me: 1,
  name: (id) => ["", "tom", "Jerry Mouse"][id] ?? "",
  typists: [],
  waiting: [],
  isOpen: false,
  ...more,
});
const group = conversation({ last_message: message({ content: "**Hello**" }) });
const direct = conversation({ ...group, kind: "direct", user_id: 2, group_id: null, name: null });

test("Markdown becomes one line of plain text", () => {
  const cases: [string, string][] = [
    ["**bold** and _soft_ and ~~gone~~ and `code`", "bold and soft and gone and code"],
    ["***both*** __under__", "both under"],
    ["[a link](https://example.com) ![picture](https://example.com/a.png)", "a link picture"],
    ["# Title\n\n> quoted\n- one\n2. two", "Title quoted one two"],
    ["```js\nlet a = 1;\n```", "let a = 1;"],
    ["**nested _text_**", "nested text"],
    ["snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4"],
    ["\\*not bold\\*", "*not bold*"],
    ["  \n\t ", ""],
  ];
  for (const [markdown, text] of cases) assert.equal(plain(markdown), text);
});

test("a text of any length and kind is converted quickly", () => {
  for (const hostile of [
    "*".repeat(16_000),
    "[".repeat(16_000),
    "_a".repeat(8_000),
    "`".repeat(16_000),
    "> ".repeat(8_000),
  ]) {
    assert.ok(workOf(() => assert.ok(plain(hostile).length <= 240)) < 100);
  }
});

test("in a group the sender is shown by first name, the user as you", () => {
  assert.deepEqual(previewOf(group, around()), { kind: "message", by: "Jerry", text: "Hello" });
  const own = conversation({ last_message: message({ sender_id: 1, content: "Hi" }) });
  assert.deepEqual(previewOf(own, around()), { kind: "message", by: "You", text: "Hi" });
  assert.deepEqual(previewOf(direct, around()), { kind: "message", text: "Hello" });
});

test("typing precedes a draft, a draft precedes unsent messages, and those the last message", () => {
  const waiting = [{ op: "send", content: "waits" }];
  const drafted = { ...group, draft: "begun" };
  assert.deepEqual(previewOf(drafted, around({ typists: [2], waiting })), { kind: "typing", text: "Jerry is typing…" });
  assert.equal(previewOf(drafted, around({ waiting })).kind, "draft");
  assert.equal(previewOf(drafted, around({ waiting, isOpen: true })).text, "waits");
  assert.equal(previewOf(direct, around({ typists: [2] })).text, "typing…");
});

test("a message without text shows its kind", () => {
  assert.equal(textOf(message({ media: [{ url: "https://example.com/a.png", type: "image" }] })), "Photo");
  assert.equal(
    textOf(message({ media: [{ url: "https://example.com/a", type: "file", name: "plan.pdf" }] })),
    "File: plan.pdf",
  );
  assert.equal(textOf(message({ media: [{ url: "https://example.com/a", type: "odd" }] })), "File");
  const deleted = conversation({ last_message: message({ deleted_at: "2026-01-01T00:00:00Z" }) });
  assert.equal(previewOf(deleted, around()).kind, "deleted");
  assert.equal(previewOf(conversation({}), around()).kind, "none");
});

test("a streaming text without a word yet shows as typing", () => {
  const begun = conversation({ last_message: message({ streaming: "growing" }) });
  assert.deepEqual(previewOf(begun, around()), { kind: "typing", by: "Jerry", text: "typing…" });
  const grown = conversation({ last_message: message({ streaming: "growing", content: "Well" }) });
  assert.deepEqual(previewOf(grown, around()), { kind: "message", by: "Jerry", text: "Well" });
});
