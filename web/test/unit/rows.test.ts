/** Messages that wait to be sent. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { keyOf, Waiting } from "../../src/messages/rows.js";

const op = { op: "send", to_user: 2, content: "Is there cheese?", client_msg_id: "k" };

test("a waiting message stays the same object until its sender is known, and keeps its key then", () => {
  const waiting = new Waiting();
  const show = (me: number) => waiting.messages([op], me, () => undefined)[0]!;
  const early = show(0);
  assert.equal(show(0), early);
  const known = show(7);
  assert.equal(show(7), known);
  assert.deepEqual(known, { ...early, sender_id: 7 });
  assert.equal(keyOf(known, 7), keyOf(early, 0));
});
