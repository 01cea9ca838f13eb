import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatClient, type MessageOp } from "../../src/index.js";
import { conversation, message, OWN } from "../support/objects.js";
import { fakeSockets, turns } from "../support/fake_socket.js";
import { liveFixture, newFixture, type Fixture } from "../support/fake_server.js";

const created = (seq: number, part = {}) =>
  ({ type: "message", event: "created", conversation_id: 1, message: message({ seq, ...part }), cursor: `m${seq}` }) as const;

function ack(fixture: Fixture, op: string, part = {}): void {
  fixture.socket().says({ type: "ack", id: fixture.socket().ops(op).at(-1)!["id"] as number, ...part });
}

test("a send resolves with the stored message, which is reported once", async () => {
  const fixture = await liveFixture();
  const sent = fixture.client.send({ to_user: 2, content: "hi" });
  const frame = fixture.socket().ops("send")[0]!;
  assert.match(String(frame["client_msg_id"]), /^[0-9a-f-]{36}$/);
  const stored = message({ seq: 1, content: "hi", client_msg_id: String(frame["client_msg_id"]) });
  ack(fixture, "send", { message: stored, duplicate: false });
  assert.deepEqual(await sent, stored);
  fixture.socket().says({ ...created(1), message: stored });
  assert.deepEqual(fixture.events, ["created hi"]);
  assert.equal(fixture.client.cursor, "m1");
  fixture.client.close();
});

test("messages of others are reported once, and confirmed together", async () => {
  const fixture = await liveFixture();
  for (const seq of [1, 2, 2, 1]) fixture.socket().says(created(seq, { sender_id: 7 }));
  assert.deepEqual(fixture.events, ["created message 1", "created message 2"]);
  assert.equal(fixture.socket().ops("delivered").length, 0);
  await fixture.pass(50);
  assert.deepEqual(fixture.socket().ops("delivered").map(({ conversation_id, seq }) => [conversation_id, seq]), [[1, 2]]);
  fixture.socket().says(created(3, { sender_id: 7 }));
  await fixture.pass(50);
  assert.equal(fixture.socket().ops("delivered").length, 1, "one confirmation at a time");
  ack(fixture, "delivered");
  fixture.socket().says({ type: "receipt", conversation_id: 1, user_id: 1, delivered_seq: 2, read_seq: 0 });
  await fixture.pass(50);
  assert.equal(fixture.socket().ops("delivered").at(-1)!["seq"], 3);
  fixture.client.close();
});

test("autoDelivered can be switched off, and so can autoload", async () => {
  const fixture = newFixture({ autoDelivered: false, autoload: false });
  const connected = fixture.client.connect();
  await turns();
  fixture.socket().greets();
  fixture.socket().says({ type: "live", cursor: "c1" });
  await connected;
  fixture.socket().says(created(1, { sender_id: 7 }));
  await fixture.pass(1000);
  assert.deepEqual(fixture.socket().ops("delivered"), []);
  assert.deepEqual(fixture.asked, []);
  fixture.client.close();
});

test("a resync clears the state, is reported, and reloads the conversations", async () => {
  const fixture = await liveFixture();
  fixture.socket().says(created(1));
  fixture.socket().ends();
  await fixture.pass(250);
  fixture.events.length = 0;
  fixture.rest.conversations = [conversation({ id: 5, ...OWN })];
  fixture.socket().greets({ resumed: false, cursor: "new" });
  fixture.socket().says({ type: "resync", cursor: "new" });
  assert.deepEqual(fixture.client.state.messages(1), []);
  await turns();
  assert.deepEqual(fixture.asked, ["/v1/conversations?limit=200&lean=1"]);
  assert.deepEqual(fixture.events, ["status catching_up", "resync", "status live", "conversation 5"]);
  assert.equal(fixture.client.cursor, "new");
  fixture.client.close();
});

test("loading is retried until it succeeds", async () => {
  const fixture = newFixture();
  fixture.rest.status = 503;
  let isReady = false;
  const connected = fixture.client.connect().then(() => (isReady = true));
  await turns();
  fixture.socket().greets();
  fixture.socket().says({ type: "live", cursor: "c1" });
  await turns();
  fixture.rest.status = 200;
  await fixture.pass(249);
  assert.equal(isReady, false);
  await fixture.pass(1);
  await connected;
  assert.deepEqual(fixture.asked, ["/v1/conversations?limit=200&lean=1", "/v1/conversations?limit=200&lean=1"]);
  fixture.client.close();
});

test("a missing piece of text is fetched, and pieces that arrive meanwhile are not lost", async () => {
  const fixture = await liveFixture();
  fixture.socket().says(created(1, { content: "a", streaming: "growing" }));
  const piece = (rev: number, offset: number, content: string) =>
    fixture.socket().says({ type: "append", conversation_id: 1, message_id: 101, seq: 1, rev, offset, content, cursor: `a${rev}` });
  piece(2, 1, "b");
  fixture.rest.messages = [message({ seq: 1, rev: 4, content: "abcd", streaming: "growing" })];
  piece(4, 3, "d");
  piece(5, 4, "e");
  piece(6, 5, "f");
  await turns();
  assert.deepEqual(fixture.asked, ["/v1/messages/101"]);
  assert.equal(fixture.client.state.message(101)?.content, "abcdef");
  assert.deepEqual(fixture.events, ["created a", "append b", "reloaded abcd", "append e", "append f"]);
  fixture.client.close();
});

test("a message that may not be read any more is not fetched forever", async () => {
  const fixture = await liveFixture();
  fixture.rest.status = 404;
  fixture.socket().says({ type: "append", conversation_id: 1, message_id: 9, seq: 1, rev: 2, offset: 3, content: "x" });
  await fixture.pass(60_000);
  assert.equal(fixture.asked.length, 1);
  assert.deepEqual(fixture.events, []);
  fixture.client.close();
});

test("an own piece of text is applied when it is acknowledged", async () => {
  const fixture = await liveFixture();
  fixture.socket().says(created(1, { content: "a", streaming: "growing" }));
  const appended = fixture.client.append(101, 1, "bc");
  ack(fixture, "append", { message_id: 101, rev: 2, length: 3 });
  assert.deepEqual(await appended, { rev: 2, length: 3 });
  assert.equal(fixture.client.state.message(101)?.content, "abc");
  fixture.client.close();
});

test("the ack of a repeated piece does not hide text that was appended since", async () => {
  const fixture = await liveFixture();
  fixture.socket().says(created(1, { content: "a", streaming: "growing" }));
  void fixture.client.append(101, 1, "b");
  fixture.rest.messages = [message({ seq: 1, rev: 3, content: "abc", streaming: "growing" })];
  ack(fixture, "append", { message_id: 101, rev: 3, length: 3 });
  await turns();
  assert.equal(fixture.client.state.message(101)?.content, "abc");
  fixture.client.close();
});

test("presence and view are resent after a reconnect, typing is not", async () => {
  const fixture = await liveFixture();
  fixture.client.presence("away");
  fixture.client.view([1]);
  fixture.client.view([1, 2]);
  fixture.client.typing(1);
  fixture.client.typing(1);
  assert.equal(fixture.socket().ops("typing").length, 1);
  fixture.socket().ends();
  fixture.client.typing(2);
  await fixture.pass(250);
  fixture.socket().greets({ resumed: true });
  assert.deepEqual(fixture.socket().sent.map(({ op }) => op), ["presence", "view"]);
  assert.deepEqual(fixture.socket().ops("view")[0]!["conversation_ids"], [1, 2]);
  fixture.client.close();
});

test("deleting for oneself removes the message at once", async () => {
  const fixture = await liveFixture();
  fixture.socket().says(created(1));
  const deleted = fixture.client.delete(101, "me");
  assert.equal(fixture.socket().ops("delete")[0]!["for"], "me");
  ack(fixture, "delete");
  await deleted;
  assert.deepEqual(fixture.client.state.messages(1), []);
  assert.deepEqual(fixture.events, ["created message 1", "hidden 101"]);
  fixture.client.close();
});

test("the frame of one's own hiding brings the counts", async () => {
  const fixture = await liveFixture();
  const part = { ...OWN, rev: 2, last_seq: 2, unread: 2 };
  fixture.socket().says({ type: "conversation", conversation: conversation(part), cursor: "c2" });
  fixture.socket().says(created(2, { rev: 2 }));
  void fixture.client.delete(102, "me");
  ack(fixture, "delete");
  const hidden = { type: "hidden", conversation_id: 1, message_id: 102, unread: 1, mentions: 0 } as const;
  for (const cursor of ["c3", "c4"]) fixture.socket().says({ ...hidden, read_seq: 0, last_seq: 2, rev: 2, cursor });
  await turns();
  assert.equal(fixture.client.state.conversation(1)?.unread, 1);
  assert.deepEqual(fixture.events.slice(2), ["hidden 102", "hidden 102"], "the second one, because the count has changed");
  fixture.client.close();
});

test("counts that may contain a deleted message are asked for, once for several", async () => {
  const fixture = await liveFixture();
  const part = { ...OWN, rev: 9, last_seq: 9, unread: 9, mentions: 2 };
  fixture.socket().says({ type: "conversation", conversation: conversation(part), cursor: "c2" });
  fixture.asked.length = 0;
  const deletion = (seq: number, rev: number, part = {}): void => {
    const deleted = message({ seq, rev, sender_id: 7, deleted_at: "2026-01-01T17:00:00Z", ...part });
    fixture.socket().says({ type: "message", event: "deleted", conversation_id: 1, message: deleted, cursor: `d${rev}` });
  };
  deletion(1, 10, { sender_id: 1 });
  deletion(3, 11);
  deletion(4, 12);
  assert.equal(fixture.client.state.conversation(1)?.unread, 7, "an own one never counted");
  fixture.rest.conversations = [conversation({ ...part, rev: 12, unread: 8, mentions: 1 })];
  await fixture.pass(4000);
  assert.deepEqual(fixture.asked, ["/v1/conversations/1"]);
  const { unread, mentions } = fixture.client.state.conversation(1)!;
  assert.deepEqual([unread, mentions], [8, 1], "one was hidden, and the other a mention");
  assert.equal(fixture.events.at(-1), "conversation 1");
  fixture.client.close();
});

test("an error that answers no request is reported, and so is a listener that throws", async () => {
  const fixture = await liveFixture();
  fixture.client.on("typing", () => {
    throw new Error("listener");
  });
  fixture.socket().says({ type: "error", id: null, code: "bad_frame", error: "No JSON", temporary: false });
  fixture.socket().says({ type: "typing", conversation_id: 1, user_id: 2, expires_in_ms: 6000 });
  assert.deepEqual(fixture.events, ["error No JSON", "typing 2", "error listener"]);
  fixture.client.close();
});

test("a removed listener receives nothing", async () => {
  const fixture = await liveFixture();
  let received = 0;
  const remove = fixture.client.on("message", () => (received += 1));
  fixture.socket().says(created(1));
  remove();
  fixture.socket().says(created(2));
  assert.equal(received, 1);
  fixture.client.close();
});

test("the outbox survives the program, and is sent in order under the same keys", async () => {
  const texts = new Map<string, string>();
  const storage = { get: (key: string) => texts.get(key), set: (key: string, value: string) => void texts.set(key, value) };
  const first = newFixture({ storage });
  const lost = ["a", "b"].map((content) => first.client.send({ to_user: 2, content, client_msg_id: `key ${content}` }));
  await turns();
  first.client.close();
  for (const { status } of await Promise.allSettled(lost)) assert.equal(status, "rejected");

  const second = newFixture({ storage });
  second.client.connect().catch(() => undefined);
  const third = second.client.send({ to_user: 2, content: "c", client_msg_id: "key c" });
  await turns();
  second.socket().greets();
  for (const [seq, content] of ["a", "b", "c"].entries()) {
    const frame = second.socket().ops("send").at(-1)!;
    assert.deepEqual([frame["content"], frame["client_msg_id"]], [content, `key ${content}`]);
    ack(second, "send", { message: message({ seq: seq + 1, content, client_msg_id: `key ${content}` }) });
  }
  assert.equal((await third).seq, 3);
  await turns();
  const saved = JSON.parse([...texts.values()][0]!) as { ops: MessageOp[] };
  assert.deepEqual(saved.ops, []);
  second.client.close();
});

/** Sets up an outbox of an earlier run, and records what outbox listeners receive. */
function leftBy(user_id: number, ...ops: MessageOp[]) {
  const texts = new Map([["chatserver.outbox", JSON.stringify({ user_id, ops })]]);
  const storage = { get: (key: string) => texts.get(key), set: (key: string, text: string) => void texts.set(key, text) };
  const fixture = newFixture({ storage });
  const seen: unknown[][] = [];
  fixture.client.on("outbox", (ops) => seen.push(ops.map(({ client_msg_id }) => client_msg_id)));
  return { ...fixture, seen };
}

test("stored messages are reported before there is a connection, in the order in which they were written", async () => {
  const left: MessageOp[] = [
    { op: "send", to_user: 2, client_msg_id: "a" },
    { op: "send", conversation_id: 5, client_msg_id: "b" },
    { op: "send", to_user: 2, client_msg_id: "c" },
  ];
  const { client, socket, seen } = leftBy(1, ...left);
  client.connect().catch(() => undefined);
  await turns();
  assert.deepEqual(seen, [["a", "b", "c"]]);
  client.send({ to_user: 2, content: "d", client_msg_id: "d" }).catch(() => undefined);
  assert.deepEqual(seen.at(-1), ["a", "b", "c", "d"]);
  assert.deepEqual(socket().sent, []);
  socket().greets({ user_id: 1 });
  assert.deepEqual(socket().ops("send").map(({ client_msg_id }) => client_msg_id), ["a", "b"], "one of each lane");
  assert.deepEqual(seen.at(-1), ["a", "b", "c", "d"]);
  client.close();
});

test("messages that another user left in the outbox are not sent, and disappear", async () => {
  const { client, socket, seen } = leftBy(9, { op: "send", to_user: 2, client_msg_id: "a" });
  client.connect().catch(() => undefined);
  await turns();
  assert.deepEqual(seen, [["a"]]);
  socket().greets({ user_id: 1 });
  assert.deepEqual(socket().ops("send"), []);
  assert.deepEqual(client.outbox, []);
  assert.deepEqual(seen, [["a"], []]);
  client.close();
});

test("an empty stored outbox is not reported", async () => {
  const { client, seen } = leftBy(1);
  client.connect().catch(() => undefined);
  await turns();
  assert.deepEqual(seen, []);
  client.close();
});

test("outbox listeners see it grow and shrink", async () => {
  const fixture = await liveFixture();
  const sizes: number[] = [];
  fixture.client.on("outbox", (ops) => sizes.push(ops.length));
  const sent = fixture.client.send({ to_user: 2, content: "hi" });
  ack(fixture, "send", { message: message({ seq: 1 }) });
  await sent;
  assert.deepEqual(sizes, [1, 0]);
  fixture.client.close();
});

test("a client needs a token and a WebSocket", () => {
  const { WebSocket } = fakeSockets();
  assert.throws(() => new ChatClient({ url: "http://chat.test", WebSocket }), /token/);
  if (!("WebSocket" in globalThis)) assert.throws(() => new ChatClient({ url: "http://chat.test", token: "t" }), /WebSocket/);
});
