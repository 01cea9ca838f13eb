/** The state that is stored for a start without a server. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatState } from "chatserver-client";
import { snapshotOf, parseSnapshot } from "../../src/model/snapshot.js";
import { conversation, message } from "./conversations.js";

const userOf = (id: number) => (id > 0 ? ({ id, username: `user${id}` } as never) : undefined);

/** Makes a state with a number of conversations, each with a number of messages. */
function stateOf(conversations: number, messages: number, content = "Text"): ChatState {
  const state = new ChatState();
  state.userId = 1;
  for (let id = 1; id <= conversations; id += 1) {
    const of = Array.from({ length: messages }, (_, index) =>
      message({ id: id * 1000 + index, conversation_id: id, seq: index + 1, sender_id: 10 + id, content }),
    );
    state.applyConversation(conversation({ id, last_seq: messages }));
    state.applyPage(id, of, {});
  }
  return state;
}

/** Restores a value as storage returns it. */
const restored = (stored: unknown) => parseSnapshot(JSON.parse(JSON.stringify(stored ?? null)));

test("the newest conversations are stored, the open one, its end, and the users who occur in them", () => {
  const stored = restored(snapshotOf(stateOf(60, 70), 3, userOf))!;
  assert.equal(stored.me, 1);
  assert.equal(stored.conversations.length, 51);
  assert.equal(stored.conversation(3)?.last_message?.seq, 70);
  assert.deepEqual([stored.messages(3, [])[0]?.seq, stored.messages(3, []).at(-1)?.seq], [21, 70]);
  assert.deepEqual(
    stored.messages(60, []).map(({ seq }) => seq),
    [70],
    "of others the last message",
  );
  assert.deepEqual(stored.messages(1, []), []);
  assert.ok(stored.people.some(({ id }) => id === 13) && !stored.people.some(({ id }) => id === 1));
});

test("newer messages follow the stored ones, once", () => {
  const state = stateOf(1, 2);
  const stored = restored(snapshotOf(state, 1, userOf))!;
  assert.equal(stored.messages(1, state.messages(1)), stored.messages(1, []));
  const next = message({ id: 9, seq: 3 });
  assert.deepEqual(
    stored
      .messages(1, [...state.messages(1), next])
      .slice(-2)
      .map(({ seq }) => seq),
    [2, 3],
  );
});

test("it leaves room for drafts", () => {
  const stored = snapshotOf(stateOf(50, 50, "x".repeat(5000)), 1, userOf)!;
  assert.ok(stored.messages.length > 5 && JSON.stringify(stored).length <= 400_000);
  assert.equal(snapshotOf(stateOf(1, 1, "x".repeat(500_000)), 1, userOf), undefined);
});

test("foreign values are ignored", () => {
  for (const other of [null, undefined, 7, "text", {}, { shape: 2, conversations: [] }]) {
    assert.equal(parseSnapshot(other), undefined);
  }
});
