import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatState, type Conversation, type ServerFrame } from "../../src/index.js";
import { SortedCache } from "../../src/sorted-cache.js";
import { conversation, message, OWN } from "../support/objects.js";
import { seededRandom, type SeededRandom } from "../support/random.js";

const ME = 2;
const CONVERSATIONS = 6;

interface Item {
  id: number;
  rank: number;
}

const byRank = (a: Item, b: Item): number => b.rank - a.rank || b.id - a.id;

test("after any changes the order equals that of a full sort", () => {
  const random = seededRandom();
  const ranks = new Map<number, number>();
  const make = (id: number): Item | undefined => (ranks.has(id) ? { id, rank: ranks.get(id)! } : undefined);
  const cache = new SortedCache(make, byRank);
  for (let step = 0; step < 2000; step += 1) {
    const id = random.between(1, 60);
    if (random.next() < 0.1) ranks.delete(id);
    else ranks.set(id, random.between(0, 40));
    cache.changed(id);
    if (random.next() < 0.3) assert.equal(cache.get(id)?.rank, ranks.get(id));
    if (random.next() < 0.4) assert.deepEqual(cache.all(), [...ranks.keys()].map((id) => make(id)!).sort(byRank));
  }
});

test("unchanged items are not rebuilt, and the caller may reorder the returned array", () => {
  let made = 0;
  const cache = new SortedCache((id): Item => ({ id, rank: (made += 1) }), byRank);
  for (let id = 1; id <= 100; id += 1) cache.changed(id);
  const before = cache.all();
  assert.equal(made, 100);
  cache.changed(7);
  const after = cache.all();
  assert.equal(made, 101);
  assert.deepEqual(after.map(({ id }) => id), [7, ...before.map(({ id }) => id).filter((id) => id !== 7)]);
  assert.equal(cache.get(8), before.find(({ id }) => id === 8));
  after.reverse();
  assert.equal(cache.all()[0]?.id, 7);
});

/** Makes a random frame that a server could send. */
function randomFrame(random: SeededRandom, lastSeqs: number[], rev: number): ServerFrame {
  const conversation_id = random.between(1, CONVERSATIONS + 1);
  const last = lastSeqs[conversation_id] ?? 0;
  const kind = random.next();
  const seq = kind < 0.35 || last === 0 ? (lastSeqs[conversation_id] = last + 1) : random.between(1, last + 1);
  const id = 1000 * conversation_id + seq;
  const at = { conversation_id, message_id: id };
  if (kind < 0.65) {
    const part = { id, conversation_id, seq, rev, sender_id: random.between(1, 4), mention_all: random.next() < 0.2 };
    const deleted_at = kind > 0.5 ? "2026-01-01T17:00:00Z" : null;
    const reply_to = random.next() < 0.2 ? 1000 * conversation_id + 1 : null;
    return { type: "message", event: "edited", conversation_id, message: message({ ...part, deleted_at, reply_to }), cursor: "" };
  }
  if (kind < 0.85) {
    const counted = random.next() < 0.5 ? { unread: random.between(0, 5), mentions: 0 } : {};
    const user_id = random.between(1, 4);
    return { type: "receipt", conversation_id, user_id, delivered_seq: seq, read_seq: seq, cursor: "", ...counted };
  }
  if (kind < 0.92) return { type: "hidden", ...at, cursor: "" };
  const own = random.next() < 0.6 ? { ...OWN, read_seq: seq, unread: random.between(0, 9), mentions: 1 } : {};
  const changed = conversation({ id: conversation_id, rev, last_seq: last, name: `at ${rev}`, ...own });
  return { type: "conversation", conversation: changed, cursor: "" };
}

test("reading the state after every frame gives the same result as reading it once", () => {
  const random = seededRandom();
  for (let round = 0; round < 60; round += 1) {
    const watched = new ChatState();
    const frames: ServerFrame[] = [];
    const lastSeqs: number[] = [];
    watched.userId = ME;
    for (let step = 1; step <= 80; step += 1) {
      const frame = randomFrame(random, lastSeqs, step);
      frames.push(frame);
      watched.apply(frame);
      if (random.next() < 0.7) watched.conversation(random.between(1, CONVERSATIONS + 1));
      if (random.next() < 0.5) watched.conversations();
    }
    const fresh = new ChatState();
    fresh.userId = ME;
    for (const frame of frames) fresh.apply(frame);
    assert.deepEqual(watched.conversations(), fresh.conversations());
    const newest = (one: Conversation): number => one.last_message?.id ?? 0;
    const order = watched.conversations().map((one) => [newest(one), one.id] as const);
    assert.deepEqual(order, [...order].sort(([a, id], [b, other]) => b - a || other - id));
  }
});

test("a conversation is the same object until it changes, whatever changes elsewhere", () => {
  const state = new ChatState();
  state.userId = ME;
  for (const id of [1, 2]) state.applyConversation(conversation({ id, ...OWN }));
  const [one, two] = [state.conversation(1), state.conversation(2)];
  state.applyMessage(message({ seq: 1, conversation_id: 2, id: 9 }));
  assert.equal(state.conversation(1), one);
  assert.notEqual(state.conversation(2), two);
  assert.deepEqual(state.conversations().map(({ id }) => id), [2, 1]);
  assert.equal(state.conversations()[1], one);
});

test("what is unread depends on whose state it is", () => {
  const state = new ChatState();
  state.applyConversation(conversation({}));
  state.applyMessage(message({ seq: 1, sender_id: ME }));
  assert.equal(state.conversation(1)?.unread, 1);
  state.userId = ME;
  assert.equal(state.conversation(1)?.unread, 0);
});
