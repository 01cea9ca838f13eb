import assert from "node:assert/strict";
import { test } from "node:test";
import { countUnread, Tally } from "../../src/unread.js";
import { message } from "../support/objects.js";
import { seededRandom } from "../support/random.js";

const ME = 2;
const counted = { rev: 10, last_seq: 10, read_seq: 4, unread: 5, mentions: 1 };
const later = "2026-01-01T17:00:00Z";

test("the server's count holds until something arrives", () => {
  assert.deepEqual(countUnread(counted, [], 4, ME), { unread: 5, mentions: 1 });
  const known = [8, 9, 10].map((seq) => message({ seq }));
  assert.deepEqual(countUnread(counted, known, 4, ME), { unread: 5, mentions: 1 });
});

test("messages of others count, with mentions of the user and of all", () => {
  const known = [
    message({ seq: 11 }),
    message({ seq: 12, mentions: [ME] }),
    message({ seq: 13, mention_all: true }),
    message({ seq: 14, mentions: [9] }),
    message({ seq: 15, sender_id: ME }),
    message({ seq: 16, deleted_at: later }),
  ];
  assert.deepEqual(countUnread(counted, known, 4, ME), { unread: 9, mentions: 3 });
});

test("a counted message that was deleted since no longer counts; one deleted before never did", () => {
  const known = [
    message({ seq: 5, rev: 20, deleted_at: later, mentions: [ME] }),
    message({ seq: 6, rev: 9, deleted_at: later }),
    message({ seq: 7, rev: 21, edited_at: later }),
  ];
  assert.deepEqual(countUnread(counted, known, 4, ME), { unread: 4, mentions: 0 });
});

test("a message that was read already does not lower the count when it is deleted", () => {
  const known = [message({ seq: 3, rev: 20, deleted_at: later })];
  assert.deepEqual(countUnread(counted, known, 4, ME), { unread: 5, mentions: 1 });
});

test("once the pointer has moved, known messages after it are counted", () => {
  const known = [8, 9, 10, 11, 12].map((seq) => message({ seq }));
  assert.deepEqual(countUnread(counted, known, 10, ME), { unread: 2, mentions: 0 });
  assert.deepEqual(countUnread(counted, known, 8, ME), { unread: 4, mentions: 0 });
  assert.deepEqual(countUnread(counted, known, 12, ME), { unread: 0, mentions: 0 });
});

test("without a server's count, every known message after the pointer counts", () => {
  const known = [message({ seq: 1 }), message({ seq: 2, sender_id: ME }), message({ seq: 3, mentions: [ME] })];
  assert.deepEqual(countUnread(undefined, known, 0, ME), { unread: 2, mentions: 1 });
});

test("a count maintained while messages arrive, change and disappear equals a recount", () => {
  const random = seededRandom();
  for (let round = 0; round < 200; round += 1) {
    const read = random.between(0, 8);
    const base = random.next() < 0.7 ? counted : undefined;
    const known = [6, 7, 8].map((seq) => message({ seq }));
    const tally = new Tally(base, known, read, ME);
    for (let step = 0; step < 30; step += 1) {
      const at = random.next() < 0.5 ? known.length : random.between(0, known.length);
      const had = known[at];
      const isGone = had !== undefined && known.length > 1 && random.next() < 0.2;
      const deleted_at = random.next() < 0.3 ? later : null;
      const seq = had?.seq ?? known.at(-1)!.seq + 1;
      const part = { seq, deleted_at, rev: 20 + step, sender_id: random.between(1, 4), mention_all: random.next() < 0.3 };
      const has = isGone ? undefined : message(part);
      known.splice(at, 1, ...(has === undefined ? [] : [has]));
      tally.replace(had, has);
      assert.deepEqual(tally.sum, countUnread(base, known, read, ME));
    }
  }
});
