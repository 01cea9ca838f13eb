/** Which message is shown for a day. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "chatserver-client";
import { messageAt, startOf } from "../../src/messages/date.js";

/** A message sent on a day of November 2026, in a thread or not. */
const sent = (day: number, thread_id: number | null = null): Message =>
  ({ id: day, timestamp: `2026-11-${String(day).padStart(2, "0")}T12:00:00.5Z`, thread_id }) as Message;

test("the first message from a moment on is shown, or else the last", () => {
  const messages = [sent(1), sent(3), sent(5)];
  const shown = (at: string): [number | undefined, boolean] => {
    const { message, isLater } = messageAt(messages, at);
    return [message?.id, isLater];
  };
  assert.deepEqual(shown("2026-10-01T00:00:00Z"), [1, true]);
  assert.deepEqual(shown("2026-11-02T00:00:00Z"), [3, true]);
  assert.deepEqual(shown("2026-11-03T12:00:00.500Z"), [3, true]);
  assert.deepEqual(shown("2026-11-06T00:00:00Z"), [5, false]);
  assert.deepEqual(messageAt([], "2026-11-06T00:00:00Z"), { message: undefined, isLater: false });
});

test("a message in a thread is shown only if there is no other", () => {
  const shown = (messages: Message[]): number | undefined => messageAt(messages, "2026-11-02T00:00:00Z").message?.id;
  assert.equal(shown([sent(1), sent(2, 1), sent(3)]), 3);
  assert.equal(shown([sent(1), sent(2, 1)]), 2);
  assert.equal(shown([sent(1, 7)]), 1);
});

test("a day begins at midnight here, and other texts are no days", () => {
  assert.equal(startOf("2026-11-01"), new Date(2026, 10, 1).toISOString());
  for (const text of ["", "2026-13-01", "12026-11-01", "yesterday"]) assert.equal(startOf(text), undefined, text);
});
