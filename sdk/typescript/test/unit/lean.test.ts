import assert from "node:assert/strict";
import { test } from "node:test";
import { Rest, type FetchLike, type Message } from "../../src/index.js";
import { parseFrame } from "../../src/protocol.js";
import { liveFixture } from "../support/fake_server.js";

/** As a lean server sends it. */
const LEAN = { id: 7, sender_id: 1, group_id: 4, content: "Hello", timestamp: "2025-10-25T16:00:00Z", seq: 5, rev: 6 };

/** As an application gets it. */
const COMPLETE: Message = {
  id: 7, conversation_id: 3, seq: 5, rev: 6, sender_id: 1, recipient_id: 0, group_id: 4, type: "text", content: "Hello",
  media: [], media_url: "", reply_to: null, quote: null, thread_id: null, thread: null, forwarded_from: null,
  reactions: [], mentions: [], mention_all: false, custom: null, client_msg_id: null,
  timestamp: "2025-10-25T16:00:00Z", edited_at: null, deleted_at: null, pinned_at: null, pinned_by: null,
  streaming: null, status: "SENT",
};

const { group_id: _, ...DIRECT } = LEAN;

test("a message frame is completed, with its conversation and its event", () => {
  const frame = { type: "message", conversation_id: 3, message: LEAN, cursor: "c" };
  assert.deepEqual(parseFrame(JSON.stringify(frame)), { ...frame, event: "created", message: COMPLETE });
  const edited = { ...frame, event: "edited", message: { ...DIRECT, recipient_id: 2 } };
  const expected = { ...edited, message: { ...COMPLETE, group_id: 0, recipient_id: 2, status: "PENDING" } };
  assert.deepEqual(parseFrame(JSON.stringify(edited)), expected);
});

test("an answer and the last message of a conversation are completed", () => {
  const own = { ...LEAN, conversation_id: 3 };
  const ack = { type: "ack", id: 1, message: own, duplicate: false };
  assert.deepEqual(parseFrame(JSON.stringify(ack)), { ...ack, message: COMPLETE });
  const conversation = { id: 3, kind: "group", last_message: own, draft: null };
  const frame = { type: "conversation", conversation, cursor: "c" };
  const completed = { ...frame, conversation: { ...conversation, last_message: COMPLETE } };
  assert.deepEqual(parseFrame(JSON.stringify(frame)), completed);
});

test("the answer to a sender who has left the group, which has rev 0, is completed", () => {
  const ack = { type: "ack", id: 1, message: { ...LEAN, conversation_id: 3, rev: 0 }, duplicate: true };
  assert.deepEqual(parseFrame(JSON.stringify(ack)), { ...ack, message: { ...COMPLETE, rev: 0 } });
});

test("what is complete, and what the application stores, stay as they are", () => {
  const rich = {
    ...COMPLETE, custom: { id: 1, sender_id: 2, rev: 3, seq: 4 }, reply_to: 6,
    quote: { message_id: 6, sender_id: 2, content: "", deleted: true }, status: "SENT", mentions: [2], mention_all: true,
  };
  const frame = { type: "message", event: "pinned", conversation_id: 3, message: rich, cursor: "c" };
  assert.deepEqual(parseFrame(JSON.stringify(frame)), frame);
});

test("no two messages share a list", () => {
  const frame = JSON.stringify({ type: "message", conversation_id: 3, message: LEAN, cursor: "c" });
  const [one, other] = [parseFrame(frame), parseFrame(frame)];
  assert.ok(one?.type === "message" && other?.type === "message");
  assert.notEqual(one.message.reactions, other.message.reactions);
});

test("answers over REST are completed, whether they are pages, lists or one message", async () => {
  const own = { ...LEAN, conversation_id: 3 };
  const bodies: unknown[] = [{ messages: [own, own], count: 2 }, [own], own];
  const fetch: FetchLike = async () => {
    const text = JSON.stringify(bodies.shift());
    return { ok: true, status: 200, headers: { get: () => null }, text: async () => text };
  };
  const rest = new Rest({ url: "http://chat.test", fetch });
  const page = await rest.get("/v1/saved", { query: { lean: 1 } });
  assert.deepEqual(page, { messages: [COMPLETE, COMPLETE], count: 2 });
  assert.deepEqual(await rest.get("/v1/chats"), [COMPLETE]);
  assert.deepEqual(await rest.get("/v1/messages/{id}", { path: { id: 7 } }), COMPLETE);
});

test("receipts that come together are reported one by one, and leave the cursor", async () => {
  const fixture = await liveFixture();
  const { cursor } = fixture.client;
  const receipts = [{ user_id: 2, delivered_seq: 4, read_seq: 3 }, { user_id: 3, delivered_seq: 5, read_seq: 5 }];
  fixture.socket().says({ type: "receipts", conversation_id: 3, receipts });
  assert.deepEqual(fixture.events.filter((event) => event.startsWith("receipt")), ["receipt 2 3", "receipt 3 5"]);
  assert.deepEqual(fixture.client.state.pointers(3, 2), { delivered_seq: 4, read_seq: 3 });
  assert.equal(fixture.client.cursor, cursor);
  fixture.socket().says({ type: "receipts", conversation_id: 3, receipts: [{ user_id: 2, delivered_seq: 4, read_seq: 4 }], cursor: "c9" });
  assert.equal(fixture.client.cursor, "c9");
});

test("history is asked for in its lean form", async () => {
  const fixture = await liveFixture();
  await fixture.client.history(3, { limit: 5 }).catch(() => undefined);
  assert.deepEqual(fixture.asked, ["/v1/conversations/3/messages?limit=5&lean=1"]);
});
