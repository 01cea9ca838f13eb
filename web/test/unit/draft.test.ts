/** Who gives way to whom, when drafts of one conversation are written on several devices. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Draft } from "../../src/composer/draft.js";

/** Tells the server what was typed, and has it heard. */
function push(draft: Draft): void {
  draft.pushed(draft.pushing());
}

test("where nothing was typed, the server's draft is taken, and goes when it goes there", () => {
  const draft = new Draft();
  assert.ok(draft.told("from the phone"));
  assert.equal(draft.text, "from the phone");
  assert.ok(!draft.isDirty);
  assert.ok(draft.told(""));
  assert.equal(draft.text, "");
});

test("what was typed here stays, whatever other devices say, and is told to the server", () => {
  const draft = new Draft();
  draft.told("old");
  draft.text = "typed here";
  assert.ok(!draft.told("from the phone"));
  assert.equal(draft.text, "typed here");
  assert.ok(draft.isDirty);
});

test("after it was told, the newest word counts again", () => {
  const draft = new Draft();
  draft.text = "here";
  push(draft);
  assert.ok(!draft.isDirty);
  assert.ok(!draft.told("here"), "our own word");
  assert.ok(draft.told("there"));
  assert.equal(draft.text, "there");
});

test("our own words that come back late change nothing", () => {
  const draft = new Draft();
  draft.text = "one";
  push(draft);
  draft.text = "one two";
  push(draft);
  for (const echo of ["one", "one", "one two"]) assert.ok(!draft.told(echo), echo);
  assert.equal(draft.text, "one two");
  assert.ok(!draft.isDirty);
});

test("the same word heard again is no news, even if the server has another by now", () => {
  const draft = new Draft();
  draft.told("old");
  draft.text = "new";
  push(draft);
  assert.ok(!draft.told("old"));
  assert.equal(draft.text, "new");
});

test("what could not be told is tried again, and is no echo", () => {
  const draft = new Draft();
  draft.text = "lost";
  draft.failed(draft.pushing());
  assert.ok(draft.isDirty);
  draft.text = "";
  assert.ok(draft.told("lost"), "written elsewhere");
});

test("a draft that was kept is still to be told, or gives way, by what the server had", () => {
  const offline = new Draft({ text: "written offline", base: "before" });
  assert.ok(offline.isDirty);
  assert.ok(!offline.told("from the phone"));
  assert.equal(offline.text, "written offline");

  const inStep = new Draft({ text: "known", base: "known" });
  assert.ok(inStep.told("from the phone"));
  assert.equal(inStep.text, "from the phone");

  // The page was left before the answer came.
  const arrived = new Draft({ text: "known", base: "before" });
  assert.ok(!arrived.told("known"));
  assert.ok(!arrived.isDirty);
});

test("only what is not empty, or not yet told, is kept", () => {
  const draft = new Draft();
  assert.equal(draft.kept, undefined);
  draft.text = "a";
  assert.deepEqual(draft.kept, { text: "a", base: "" });
  push(draft);
  draft.text = "";
  assert.deepEqual(draft.kept, { text: "", base: "a" }, "the server still has it");
  push(draft);
  assert.equal(draft.kept, undefined);
});
