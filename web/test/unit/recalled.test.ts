/** What is kept of a conversation for a start without a server. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatState } from "chatserver-client";
import { keptOf, recalled } from "../../src/model/recalled.js";
import { conversation, message } from "./conversations.js";

const userOf = (id: number) => (id > 0 ? ({ id, username: `user${id}` } as never) : undefined);

/** So many conversations, each with so many messages of that text. */
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

/** As storage gives it back. */
const again = (kept: unknown) => recalled(JSON.parse(JSON.stringify(kept ?? null)));

test("the newest conversations are kept, the open one, its end, and who has to do with them", () => {
  const kept = again(keptOf(stateOf(60, 70), 3, userOf))!;
  assert.equal(kept.me, 1);
  assert.equal(kept.conversations.length, 51);
  assert.equal(kept.conversation(3)?.last_message?.seq, 70);
  assert.deepEqual([kept.messages(3, [])[0]?.seq, kept.messages(3, []).at(-1)?.seq], [21, 70]);
  assert.deepEqual(
    kept.messages(60, []).map(({ seq }) => seq),
    [70],
    "of others the last message",
  );
  assert.deepEqual(kept.messages(1, []), []);
  assert.ok(kept.people.some(({ id }) => id === 13) && !kept.people.some(({ id }) => id === 1));
});

test("what is known to follow comes behind it, once", () => {
  const state = stateOf(1, 2);
  const kept = again(keptOf(state, 1, userOf))!;
  assert.equal(kept.messages(1, state.messages(1)), kept.messages(1, []));
  const next = message({ id: 9, seq: 3 });
  assert.deepEqual(
    kept
      .messages(1, [...state.messages(1), next])
      .slice(-2)
      .map(({ seq }) => seq),
    [2, 3],
  );
});

test("it leaves room for what one writes", () => {
  const kept = keptOf(stateOf(50, 50, "x".repeat(5000)), 1, userOf)!;
  assert.ok(kept.messages.length > 5 && JSON.stringify(kept).length <= 400_000);
  assert.equal(keptOf(stateOf(1, 1, "x".repeat(500_000)), 1, userOf), undefined);
});

test("what is not ours is left alone", () => {
  for (const other of [null, undefined, 7, "text", {}, { shape: 2, conversations: [] }]) {
    assert.equal(recalled(other), undefined);
  }
});
