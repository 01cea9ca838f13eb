/** Merging drafts of one conversation that are written on several devices. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Draft } from "../../src/composer/draft.js";

/** Sends the typed text to the server, and receives its echo. */
function push(draft: Draft): void {
  draft.pushed(draft.pushing());
}

test("without local changes the server's draft is taken, and removed when the server's is", () => {
  const draft = new Draft();
  assert.ok(draft.receive("from the phone"));
  assert.equal(draft.text, "from the phone");
  assert.ok(!draft.isDirty);
  assert.ok(draft.receive(""));
  assert.equal(draft.text, "");
});

test("local changes stay, whatever other devices send, and are sent to the server", () => {
  const draft = new Draft();
  draft.receive("old");
  draft.text = "typed here";
  assert.ok(!draft.receive("from the phone"));
  assert.equal(draft.text, "typed here");
  assert.ok(draft.isDirty);
});

test("after sending, the newest text counts again", () => {
  const draft = new Draft();
  draft.text = "here";
  push(draft);
  assert.ok(!draft.isDirty);
  assert.ok(!draft.receive("here"), "our own text");
  assert.ok(draft.receive("there"));
  assert.equal(draft.text, "there");
});

test("late echoes of our own texts change nothing", () => {
  const draft = new Draft();
  draft.text = "one";
  push(draft);
  draft.text = "one two";
  push(draft);
  for (const echo of ["one", "one", "one two"]) assert.ok(!draft.receive(echo), echo);
  assert.equal(draft.text, "one two");
  assert.ok(!draft.isDirty);
});

test("a repeated text is no news, even if the server has another by now", () => {
  const draft = new Draft();
  draft.receive("old");
  draft.text = "new";
  push(draft);
  assert.ok(!draft.receive("old"));
  assert.equal(draft.text, "new");
});

test("a text that failed to be sent is retried, and not taken for an echo", () => {
  const draft = new Draft();
  draft.text = "lost";
  draft.failed(draft.pushing());
  assert.ok(draft.isDirty);
  draft.text = "";
  assert.ok(draft.receive("lost"), "written elsewhere");
});

test("a stored draft is sent or replaced, depending on what the server had", () => {
  const offline = new Draft({ text: "written offline", base: "before" });
  assert.ok(offline.isDirty);
  assert.ok(!offline.receive("from the phone"));
  assert.equal(offline.text, "written offline");

  const inSync = new Draft({ text: "known", base: "known" });
  assert.ok(inSync.receive("from the phone"));
  assert.equal(inSync.text, "from the phone");

  // The page was closed before the answer arrived.
  const arrived = new Draft({ text: "known", base: "before" });
  assert.ok(!arrived.receive("known"));
  assert.ok(!arrived.isDirty);
});

test("a draft is stored only if it is not empty or not sent yet", () => {
  const draft = new Draft();
  assert.equal(draft.stored, undefined);
  draft.text = "a";
  assert.deepEqual(draft.stored, { text: "a", base: "" });
  push(draft);
  draft.text = "";
  assert.deepEqual(draft.stored, { text: "", base: "a" }, "the server still has it");
  push(draft);
  assert.equal(draft.stored, undefined);
});
