import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatState, type Message, type ServerFrame } from "../../src/index.js";
import { conversation, message, OWN } from "../support/objects.js";
import { SeededRandom } from "../support/random.js";

const ME = 2;

function mine(): ChatState {
  const state = new ChatState();
  state.userId = ME;
  return state;
}

const seqs = (messages: readonly Message[]): number[] => messages.map(({ seq }) => seq);

test("messages are ordered by seq, in whatever order they arrive", () => {
  const state = mine();
  for (const seq of [3, 1, 2]) assert.equal(state.applyMessage(message({ seq })), true);
  assert.deepEqual(seqs(state.messages(1)), [1, 2, 3]);
});

test("a message is applied only if its rev is newer", () => {
  const state = mine();
  state.applyMessage(message({ seq: 1, rev: 5, content: "new" }));
  assert.equal(state.applyMessage(message({ seq: 1, rev: 4, content: "old" })), false);
  assert.equal(state.applyMessage(message({ seq: 1, rev: 5, content: "again" })), false);
  assert.equal(state.message(101)?.content, "new");
  assert.equal(state.applyMessage(message({ seq: 1, rev: 6, content: "newer" })), true);
  assert.equal(state.message(101)?.content, "newer");
});

test("any order and any repetition of the same changes end in the same state", () => {
  const random = new SeededRandom(11);
  const changes = Array.from({ length: 40 }, (_, n) => message({ seq: 1 + (n % 10), rev: n + 1, content: `at ${n + 1}` }));
  for (let round = 0; round < 50; round += 1) {
    const state = mine();
    const shuffled = [...changes, ...changes].map((change) => ({ change, at: random.next() }));
    for (const { change } of shuffled.sort((a, b) => a.at - b.at)) state.applyMessage(change);
    assert.deepEqual(state.messages(1).map(({ rev }) => rev), [31, 32, 33, 34, 35, 36, 37, 38, 39, 40]);
  }
});

test("the list of messages stays the same array until a message changes", () => {
  const state = mine();
  state.applyMessage(message({ seq: 1 }));
  const before = state.messages(1);
  state.applyMessage(message({ seq: 1 }));
  assert.equal(state.messages(1), before);
  state.applyMessage(message({ seq: 2 }));
  assert.notEqual(state.messages(1), before);
});

test("an old message that changes does not follow a gap", () => {
  const state = mine();
  state.applyConversation(conversation({ last_seq: 50, rev: 50, ...OWN, last_message: message({ seq: 50 }) }));
  state.applyMessage(message({ seq: 51 }));
  state.applyMessage(message({ seq: 5, rev: 60, content: "edited" }));
  assert.deepEqual(seqs(state.messages(1)), [50, 51]);
  assert.equal(state.message(105)?.content, "edited");
});

test("pages of history extend the messages downwards", () => {
  const state = mine();
  state.applyConversation(conversation({ last_seq: 50, rev: 50, ...OWN, last_message: message({ seq: 50 }) }));
  state.applyMessage(message({ seq: 5, rev: 60 }));
  // 47 is hidden for this user, so that a page leaves it out.
  state.applyPage(1, [45, 46, 48, 49].map((seq) => message({ seq })), { before_seq: 50 });
  assert.deepEqual(seqs(state.messages(1)), [45, 46, 48, 49, 50]);
  state.applyPage(1, [10, 11].map((seq) => message({ seq })), { before_seq: 12 });
  assert.deepEqual(seqs(state.messages(1)), [45, 46, 48, 49, 50], "a page that does not touch the others stays separate");
  state.applyPage(1, Array.from({ length: 33 }, (_, n) => message({ seq: 12 + n })), { before_seq: 45 });
  assert.equal(state.messages(1)[0]?.seq, 10);
});

test("the newest page needs no bounds, and a page after a seq closes the gap below the known messages", () => {
  const state = mine();
  state.applyPage(1, [8, 9].map((seq) => message({ seq })), {});
  assert.deepEqual(seqs(state.messages(1)), [8, 9]);
  state.applyPage(1, [4, 6, 7].map((seq) => message({ seq })), { after_seq: 3 });
  assert.deepEqual(seqs(state.messages(1)), [4, 6, 7, 8, 9]);
});

test("a range far from the newest messages is separate until both meet", () => {
  const state = mine();
  state.applyConversation(conversation({ last_seq: 100, rev: 100, ...OWN, last_message: message({ seq: 100 }) }));
  // 42 is hidden for this user.
  state.applyPage(1, [40, 41, 43].map((seq) => message({ seq })), { before_seq: 44 });
  state.applyPage(1, [44, 45].map((seq) => message({ seq })), { after_seq: 43 });
  assert.deepEqual(seqs(state.stretch(1, 42)), [40, 41, 43, 44, 45]);
  assert.deepEqual(seqs(state.stretch(1, 46)), []);
  assert.deepEqual(seqs(state.messages(1)), [100]);
  state.applyPage(1, Array.from({ length: 54 }, (_, n) => message({ seq: 46 + n })), { after_seq: 45 });
  assert.equal(state.messages(1), state.stretch(1, 41));
  assert.equal(state.messages(1).length, 60);
});

test("a page around a time is a range of its own, from its first message to its last", () => {
  const state = mine();
  const at = "2026-11-01T00:00:00Z";
  state.applyConversation(conversation({ last_seq: 100, rev: 100, ...OWN, last_message: message({ seq: 100 }) }));
  // 42 is hidden for this user.
  state.applyPage(1, [40, 41, 43].map((seq) => message({ seq })), { at });
  assert.deepEqual(seqs(state.stretch(1, 42)), [40, 41, 43]);
  assert.deepEqual([state.stretch(1, 39), state.stretch(1, 44)], [[], []]);
  assert.deepEqual(seqs(state.messages(1)), [100]);
  state.applyPage(1, [], { at });
  assert.deepEqual([seqs(state.messages(1)), seqs(state.stretch(1, 40))], [[100], [40, 41, 43]]);
});

test("text grows by its offset in characters", () => {
  const state = mine();
  state.applyMessage(message({ seq: 1, content: "a😀", streaming: "growing" }));
  const append = { type: "append", conversation_id: 1, message_id: 101, seq: 1 } as const;
  assert.equal(state.apply({ ...append, rev: 2, offset: 2, content: "👍b" }), "applied");
  assert.equal(state.apply({ ...append, rev: 3, offset: 4, content: "c" }), "applied");
  assert.equal(state.apply({ ...append, rev: 3, offset: 4, content: "c" }), "old");
  assert.equal(state.message(101)?.content, "a😀👍bc");
  assert.equal(state.apply({ ...append, rev: 5, offset: 7, content: "e" }), "gap");
  assert.equal(state.apply({ ...append, rev: 5, offset: 4, content: "e" }), "gap");
  assert.equal(state.message(101)?.content, "a😀👍bc");
  assert.equal(state.apply({ ...append, message_id: 9, rev: 5, offset: 0, content: "e" }), "gap");
});

test("a complete message that is newer than pieces in flight makes them old", () => {
  const state = mine();
  state.applyMessage(message({ seq: 1, rev: 4, content: "abcd", streaming: "growing" }));
  const append = { type: "append", conversation_id: 1, message_id: 101, seq: 1 } as const;
  assert.equal(state.apply({ ...append, rev: 3, offset: 2, content: "cd" }), "old");
  assert.equal(state.apply({ ...append, rev: 5, offset: 4, content: "e" }), "applied");
  assert.equal(state.message(101)?.content, "abcde");
});

test("a conversation keeps the fields that a frame leaves out", () => {
  const state = mine();
  state.applyConversation(conversation({ rev: 3, ...OWN, archived: true, name: "Mice" }));
  state.apply({ type: "conversation", conversation: conversation({ rev: 4, name: "Cats" }) });
  const known = state.conversation(1);
  assert.equal(known?.name, "Cats");
  assert.equal(known?.archived, true);
  assert.equal(known?.role, "member");
});

test("an older page does not undo a newer frame, but adds the fields that the frame left out", () => {
  const state = mine();
  state.apply({ type: "conversation", conversation: conversation({ rev: 4, name: "Cats" }) });
  state.applyConversation(conversation({ rev: 3, name: "Mice", ...OWN, pinned: true, unread: 2 }));
  const known = state.conversation(1);
  assert.equal(known?.name, "Cats");
  assert.equal(known?.pinned, true);
  assert.equal(known?.unread, 2);
});

test("per-member state changes without a new rev: the stream's frame counts, a page of the same rev does not", () => {
  const state = mine();
  state.applyConversation(conversation({ rev: 3, ...OWN }));
  state.apply({ type: "conversation", conversation: conversation({ rev: 3, ...OWN, archived: true }) });
  assert.equal(state.conversation(1)?.archived, true);
  state.applyConversation(conversation({ rev: 3, ...OWN, archived: false }));
  assert.equal(state.conversation(1)?.archived, true);
});

test("a page that was read before the latest messages does not lose their count", () => {
  const state = mine();
  state.applyMessage(message({ seq: 6, rev: 6 }));
  state.applyMessage(message({ seq: 7, rev: 7 }));
  state.applyConversation(conversation({ rev: 6, last_seq: 6, ...OWN, read_seq: 3, unread: 3 }));
  const known = state.conversation(1);
  assert.equal(known?.unread, 4);
  assert.equal(known?.last_seq, 7);
  assert.equal(known?.last_message?.seq, 7);
});

test("reading lowers the count, on whatever device it happens", () => {
  const state = mine();
  state.applyConversation(conversation({ rev: 6, last_seq: 6, ...OWN, read_seq: 3, unread: 3 }));
  state.applyMessage(message({ seq: 7 }));
  assert.equal(state.conversation(1)?.unread, 4);
  const receipt = { type: "receipt", conversation_id: 1, user_id: ME } as const;
  // Between known messages, so that only the server can count.
  state.apply({ ...receipt, delivered_seq: 7, read_seq: 4, unread: 3, mentions: 0 });
  assert.equal(state.conversation(1)?.unread, 3);
  state.applyMessage(message({ seq: 8 }));
  assert.equal(state.conversation(1)?.unread, 4);
  state.apply({ ...receipt, delivered_seq: 8, read_seq: 7 });
  assert.equal(state.conversation(1)?.unread, 1);
  assert.equal(state.conversation(1)?.read_seq, 7);
});

test("reading on another device clears the unread mark, even if the pointers stay", () => {
  const state = mine();
  state.applyConversation(conversation({ last_seq: 3, delivered_seq: 3, read_seq: 3, unread: 0, marked_unread: true }));
  const receipt = { type: "receipt", conversation_id: 1, delivered_seq: 3, read_seq: 3 } as const;
  state.apply({ ...receipt, user_id: 1 });
  assert.equal(state.conversation(1)?.marked_unread, true);
  assert.equal(state.apply({ ...receipt, user_id: ME, unread: 0, mentions: 0 }), "applied");
  assert.equal(state.conversation(1)?.marked_unread, false);
});

test("receipts only go forward, each pointer by itself", () => {
  const state = mine();
  const receipt = { type: "receipt", conversation_id: 1, user_id: 1 } as const;
  assert.equal(state.apply({ ...receipt, delivered_seq: 5, read_seq: 2 }), "applied");
  assert.equal(state.apply({ ...receipt, delivered_seq: 4, read_seq: 2 }), "old");
  assert.equal(state.apply({ ...receipt, delivered_seq: 3, read_seq: 3 }), "applied");
  assert.deepEqual(state.pointers(1, 1), { delivered_seq: 5, read_seq: 3 });
});

test("the status of a direct message follows the other side's pointers", () => {
  const state = mine();
  const sent = message({ seq: 4, sender_id: ME, recipient_id: 1 });
  assert.equal(state.status(sent), "PENDING");
  state.apply({ type: "receipt", conversation_id: 1, user_id: 1, delivered_seq: 4, read_seq: 3 });
  assert.equal(state.status(sent), "DELIVERED");
  state.apply({ type: "receipt", conversation_id: 1, user_id: 1, delivered_seq: 4, read_seq: 4 });
  assert.equal(state.status(sent), "READ");
  assert.equal(state.status({ ...sent, group_id: 3, status: "SENT" }), "SENT");
});

test("a quote follows the original, which moves no rev of the reply", () => {
  const state = mine();
  const quote = { message_id: 101, sender_id: 1, content: "first", deleted: false };
  const reply = message({ seq: 2, reply_to: 101, quote });
  state.applyMessage(reply);
  assert.deepEqual(state.message(102)?.quote, quote, "as the server sent it, while nothing else is known");
  state.applyMessage(message({ seq: 1, rev: 3, content: "🐭".repeat(201) }));
  assert.equal(state.message(102)?.quote?.content, "🐭".repeat(200));
  assert.equal(state.messages(1)[1]?.quote?.content, "🐭".repeat(200));
  state.applyMessage(message({ seq: 1, rev: 4, content: "", deleted_at: "2026-01-01T17:00:00Z" }));
  assert.deepEqual(state.message(102)?.quote, { ...quote, content: "", deleted: true });
  state.applyMessage({ ...reply, rev: 5 });
  assert.equal(state.message(102)?.quote?.deleted, true, "a page read earlier does not restore the text");
});

test("a quote follows an original that the user has hidden, too", () => {
  const state = mine();
  state.applyMessage(message({ seq: 1, content: "secret" }));
  state.applyMessage(message({ seq: 2, reply_to: 101, quote: { message_id: 101, sender_id: 1, content: "secret", deleted: false } }));
  state.apply({ type: "hidden", conversation_id: 1, message_id: 101 });
  state.applyMessage(message({ seq: 1, rev: 3, content: "", deleted_at: "2026-01-01T17:00:00Z" }));
  assert.deepEqual(state.messages(1).map(({ quote }) => quote?.content), [""]);
});

test("a hidden message disappears, does not come back, and leaves no gap", () => {
  const state = mine();
  for (const seq of [1, 2, 3]) state.applyMessage(message({ seq }));
  assert.equal(state.apply({ type: "hidden", conversation_id: 1, message_id: 102 }), "applied");
  assert.deepEqual(seqs(state.messages(1)), [1, 3]);
  assert.equal(state.applyMessage(message({ seq: 2, rev: 9 })), false);
  assert.deepEqual(seqs(state.messages(1)), [1, 3]);
});

const LATER = "2026-01-01T17:00:00Z";

/** Ten messages, read up to the 4th, of which the 9th and 10th are known. The 9th mentions the user. */
function waiting(): ChatState {
  const state = mine();
  state.applyMessage(message({ seq: 9, mentions: [ME] }));
  state.applyMessage(message({ seq: 10 }));
  state.applyConversation(conversation({ rev: 10, last_seq: 10, ...OWN, read_seq: 4, unread: 6, mentions: 2 }));
  return state;
}

const hidden = { type: "hidden", conversation_id: 1, read_seq: 4, last_seq: 10, rev: 10 } as const;
const receipt = { type: "receipt", conversation_id: 1, user_id: ME, delivered_seq: 10, last_seq: 10, rev: 10 } as const;
const changed = (part: Partial<Message> & { seq: number }): ServerFrame =>
  ({ type: "message", event: "edited", conversation_id: 1, message: message(part) });
const deleted = (seq: number, rev: number, part = {}): ServerFrame => changed({ seq, rev, content: "", deleted_at: LATER, ...part });

/** The table of docs/stream.md: what frames make of six unread messages with two mentions, and whether REST is asked. */
const COUNTED: [what: string, frames: ServerFrame[], unread: number, mentions: number, isUnsure?: true][] = [
  ["a message of another", [changed({ seq: 11, mention_all: true })], 7, 3],
  ["a message of one's own", [changed({ seq: 11, sender_id: ME })], 6, 2],
  ["a message that came and went", [changed({ seq: 11, mentions: [ME] }), deleted(11, 12)], 6, 2],
  ["a message that is deleted already", [deleted(11, 12)], 6, 2],
  ["an edit, a reaction, a pin", [changed({ seq: 10, rev: 11 }), changed({ seq: 6, rev: 12 })], 6, 2],
  ["the deletion of a known message", [deleted(10, 11), deleted(10, 11)], 5, 2],
  ["the deletion of a known mention", [deleted(9, 11)], 5, 1],
  ["the deletion of a message of one's own", [deleted(7, 11, { sender_id: ME })], 6, 2],
  ["the deletion of a read message", [deleted(3, 11)], 6, 2],
  ["a deletion that the count contains", [deleted(6, 9)], 6, 2],
  ["the deletion of a message that is not known", [deleted(6, 11)], 5, 2, true],
  ["a hidden message", [{ ...hidden, message_id: 110, unread: 5, mentions: 2 }], 5, 2],
  ["a hidden message that is not known", [{ ...hidden, message_id: 106, unread: 5, mentions: 1 }], 5, 1],
  ["a hidden one that is deleted", [{ ...hidden, message_id: 110, unread: 5, mentions: 2 }, deleted(10, 11)], 5, 2],
  ["a deleted one that is hidden", [deleted(9, 11), { ...hidden, message_id: 109, rev: 11, unread: 5, mentions: 1 }], 5, 1],
  ["reading", [{ ...receipt, read_seq: 6, unread: 4, mentions: 1 }], 4, 1],
  ["reading to where all is known", [{ ...receipt, read_seq: 8, unread: 2, mentions: 1 }], 2, 1],
  ["delivery", [{ ...receipt, read_seq: 4 }], 6, 2],
  ["another's reading", [{ ...receipt, user_id: 1, read_seq: 9 }], 6, 2],
  ["a conversation for all members", [{ type: "conversation", conversation: conversation({ rev: 11 }) }], 6, 2],
  ["one's own state", [{ type: "conversation", conversation: conversation({ rev: 10, last_seq: 10, ...OWN, read_seq: 4, unread: 5 }) }], 5, 0],
  // When resuming, counts are of the moment of sending, and frames of what they contain follow.
  ["reading, resumed", [{ ...receipt, read_seq: 6, unread: 5, last_seq: 11, rev: 12 }, changed({ seq: 11 }), changed({ seq: 12, rev: 13 })], 6, 0],
  ["a hidden message, resumed", [{ ...hidden, message_id: 107, unread: 5, mentions: 1, last_seq: 11, rev: 13 }, deleted(9, 12), changed({ seq: 11, rev: 13 })], 5, 1],
  ["an earlier hiding than a known reading", [{ ...receipt, read_seq: 6, unread: 4, mentions: 2 }, { ...hidden, message_id: 105, unread: 5 }], 4, 2],
];

for (const [what, frames, unread, mentions, isUnsure = false] of COUNTED) {
  test(`unread after ${what}`, () => {
    const state = waiting();
    // Computed before, or only afterwards.
    for (const isAsked of [true, false]) {
      const asked = isAsked ? state : waiting();
      if (isAsked) asked.conversation(1);
      for (const frame of frames) asked.apply(frame);
      const now = asked.conversation(1);
      assert.deepEqual([now?.unread, now?.mentions, asked.unsure.has(1)], [unread, mentions, isUnsure]);
    }
  });
}

test("an answer from before a hiding does not bring the count back", () => {
  const state = waiting();
  state.apply({ ...hidden, message_id: 105, rev: 11, unread: 5, mentions: 2 });
  state.applyConversation(conversation({ rev: 11, last_seq: 10, ...OWN, read_seq: 4, unread: 6, mentions: 2 }));
  assert.equal(state.conversation(1)?.unread, 5);
});

test("conversations are sorted by their newest message", () => {
  const state = mine();
  state.applyConversation(conversation({ id: 1, ...OWN, last_seq: 1, last_message: message({ seq: 1, id: 7 }) }));
  state.applyConversation(conversation({ id: 2, ...OWN }));
  state.applyMessage(message({ seq: 1, id: 8, conversation_id: 2 }));
  assert.deepEqual(state.conversations().map(({ id }) => id), [2, 1]);
});

test("clearing keeps only the user's id", () => {
  const state = mine();
  state.applyConversation(conversation({ ...OWN, last_message: message({ seq: 1 }) }));
  state.clear();
  assert.equal(state.userId, ME);
  assert.deepEqual(state.conversations(), []);
  assert.deepEqual(state.messages(1), []);
  assert.equal(state.message(101), undefined);
});
