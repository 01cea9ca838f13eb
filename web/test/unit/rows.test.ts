/** What waits to be sent, as messages to come. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { keyOf, Waiting } from "../../src/messages/rows.js";

const op = { op: "send", to_user: 2, content: "Is there cheese?", client_msg_id: "k" };

test("what waits stays the same message until it is known whose it is, and the same bubble then", () => {
  const waiting = new Waiting();
  const show = (me: number) => waiting.messages([op], me, () => undefined)[0]!;
  const early = show(0);
  assert.equal(show(0), early);
  const known = show(7);
  assert.equal(show(7), known);
  assert.deepEqual(known, { ...early, sender_id: 7 });
  assert.equal(keyOf(known, 7), keyOf(early, 0));
});
