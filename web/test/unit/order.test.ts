/** The order of conversations, the filter, and stepping through them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange, isMuted, isUnread, matching, neighbour } from "../../src/conversations/order.js";
import { conversation, message } from "./conversations.js";

const ids = (list: readonly { id: number }[]): number[] => list.map(({ id }) => id);
const nameOf = ({ name }: { name: string | null }): string => name ?? "";

test("the newest is first, and a group without messages counts from its creation", () => {
  const list = [
    conversation({ id: 1, last_message: message({ timestamp: "2026-01-01T10:00:00Z" }) }),
    conversation({ id: 2, last_message: message({ timestamp: "2026-01-01T10:00:00.5Z" }) }),
    conversation({ id: 3, created_at: "2026-01-01T11:00:00Z" }),
  ];
  assert.deepEqual(ids(arrange(list).present), [3, 2, 1]);
});

test("pinned ones precede all others, and archived ones are separate", () => {
  const list = [
    conversation({ id: 1, created_at: "2026-01-03T00:00:00Z" }),
    conversation({ id: 2, created_at: "2026-01-01T00:00:00Z", pinned: true }),
    conversation({ id: 3, created_at: "2026-01-02T00:00:00Z", pinned: true }),
    conversation({ id: 4, created_at: "2026-01-01T00:00:00Z", archived: true, pinned: true }),
    conversation({ id: 5, created_at: "2026-01-02T00:00:00Z", archived: true }),
  ];
  const { present, archived } = arrange(list);
  assert.deepEqual(ids(present), [3, 2, 1]);
  assert.deepEqual(ids(archived), [5, 4]);
});

test("a filter ignores case and accents, and names that begin with it come first", () => {
  const list = ["Big cheese", "Café cheese", "cheese lovers", "Dogs"].map((name, id) => conversation({ id, name }));
  assert.deepEqual(ids(matching(list, "CHEESE", nameOf)), [2, 0, 1]);
  assert.deepEqual(ids(matching(list, "cafe", nameOf)), [1]);
  assert.deepEqual(ids(matching(list, "cats", nameOf)), []);
});

test("a filter is not a pattern", () => {
  const list = ["a.b", "axb", "(a"].map((name, id) => conversation({ id, name }));
  assert.deepEqual(ids(matching(list, "a.", nameOf)), [0]);
  assert.deepEqual(ids(matching(list, "(", nameOf)), [2]);
});

test("steps lead to the neighbours and stop at the ends", () => {
  const list = [1, 2, 3].map((id) => conversation({ id }));
  assert.equal(neighbour(list, 1, 1)?.id, 2);
  assert.equal(neighbour(list, 3, 1), undefined);
  assert.equal(neighbour(list, 1, -1), undefined);
  assert.equal(neighbour(list, undefined, 1)?.id, 1);
  assert.equal(neighbour(list, undefined, -1)?.id, 3);
  assert.equal(neighbour([], 7, 1), undefined);
});

test("steps to unread conversations wrap around, and lead nowhere if there are none", () => {
  const list = [1, 2, 3, 4].map((id) => conversation({ id, unread: id === 1 || id === 3 ? 2 : 0 }));
  assert.equal(neighbour(list, 1, 1, isUnread)?.id, 3);
  assert.equal(neighbour(list, 3, 1, isUnread)?.id, 1);
  assert.equal(neighbour(list, 4, -1, isUnread)?.id, 3);
  assert.equal(neighbour(list, undefined, 1, isUnread)?.id, 1);
  assert.equal(neighbour(list, undefined, -1, isUnread)?.id, 3);
  assert.equal(neighbour(list.slice(1, 3), 3, 1, isUnread), undefined);
});

test("a manual mark counts as unread, and an expired mute does not count as muted", () => {
  assert.ok(isUnread(conversation({ marked_unread: true })));
  assert.ok(!isUnread(conversation({})));
  const now = Date.parse("2026-01-01T12:00:00Z");
  assert.ok(isMuted(conversation({ muted_until: "2026-01-01T12:00:01Z" }), now));
  assert.ok(!isMuted(conversation({ muted_until: "2026-01-01T11:00:00Z" }), now));
  assert.ok(!isMuted(conversation({ muted_until: null }), now));
});
