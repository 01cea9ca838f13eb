import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatClient, type MessageOp } from "../../src/index.js";
import { conversation, message, OWN } from "../support/objects.js";
import { fakeSockets, turns } from "../support/fake_socket.js";
import { liveStage, stage, type Stage } from "../support/fake_server.js";

const created = (seq: number, part = {}) =>
  ({ type: "message", event: "created", conversation_id: 1, message: message({ seq, ...part }), cursor: `m${seq}` }) as const;

function ack(set: Stage, op: string, part = {}): void {
  set.socket().says({ type: "ack", id: set.socket().ops(op).at(-1)!["id"] as number, ...part });
}

test("a send resolves with the stored message, which is told once", async () => {
  const set = await liveStage();
  const sent = set.client.send({ to_user: 2, content: "hi" });
  const frame = set.socket().ops("send")[0]!;
  assert.match(String(frame["client_msg_id"]), /^[0-9a-f-]{36}$/);
  const stored = message({ seq: 1, content: "hi", client_msg_id: String(frame["client_msg_id"]) });
  ack(set, "send", { message: stored, duplicate: false });
  assert.deepEqual(await sent, stored);
  set.socket().says({ ...created(1), message: stored });
  assert.deepEqual(set.heard, ["created hi"]);
  assert.equal(set.client.cursor, "m1");
  set.client.close();
});

test("messages of others are told once, and confirmed together", async () => {
  const set = await liveStage();
  for (const seq of [1, 2, 2, 1]) set.socket().says(created(seq, { sender_id: 7 }));
  assert.deepEqual(set.heard, ["created message 1", "created message 2"]);
  assert.equal(set.socket().ops("delivered").length, 0);
  await set.pass(50);
  assert.deepEqual(set.socket().ops("delivered").map(({ conversation_id, seq }) => [conversation_id, seq]), [[1, 2]]);
  set.socket().says(created(3, { sender_id: 7 }));
  await set.pass(50);
  assert.equal(set.socket().ops("delivered").length, 1, "one confirmation at a time");
  ack(set, "delivered");
  set.socket().says({ type: "receipt", conversation_id: 1, user_id: 1, delivered_seq: 2, read_seq: 0 });
  await set.pass(50);
  assert.equal(set.socket().ops("delivered").at(-1)!["seq"], 3);
  set.client.close();
});

test("autoDelivered can be switched off, and so can autoload", async () => {
  const set = stage({ autoDelivered: false, autoload: false });
  const connected = set.client.connect();
  await turns();
  set.socket().greets();
  set.socket().says({ type: "live", cursor: "c1" });
  await connected;
  set.socket().says(created(1, { sender_id: 7 }));
  await set.pass(1000);
  assert.deepEqual(set.socket().ops("delivered"), []);
  assert.deepEqual(set.asked, []);
  set.client.close();
});

test("a resync empties the state, says so, and loads the conversations anew", async () => {
  const set = await liveStage();
  set.socket().says(created(1));
  set.socket().ends();
  await set.pass(250);
  set.heard.length = 0;
  set.rest.conversations = [conversation({ id: 5, ...OWN })];
  set.socket().greets({ resumed: false, cursor: "new" });
  set.socket().says({ type: "resync", cursor: "new" });
  assert.deepEqual(set.client.state.messages(1), []);
  await turns();
  assert.deepEqual(set.asked, ["/v1/conversations?limit=200"]);
  assert.deepEqual(set.heard, ["status catching_up", "resync", "status live", "conversation 5"]);
  assert.equal(set.client.cursor, "new");
  set.client.close();
});

test("loading is tried until it succeeds", async () => {
  const set = stage();
  set.rest.status = 503;
  let isReady = false;
  const connected = set.client.connect().then(() => (isReady = true));
  await turns();
  set.socket().greets();
  set.socket().says({ type: "live", cursor: "c1" });
  await turns();
  set.rest.status = 200;
  await set.pass(249);
  assert.equal(isReady, false);
  await set.pass(1);
  await connected;
  assert.deepEqual(set.asked, ["/v1/conversations?limit=200", "/v1/conversations?limit=200"]);
  set.client.close();
});

test("a missing piece of text is fetched, and pieces that come meanwhile are not lost", async () => {
  const set = await liveStage();
  set.socket().says(created(1, { content: "a", streaming: "growing" }));
  const piece = (rev: number, offset: number, content: string) =>
    set.socket().says({ type: "append", conversation_id: 1, message_id: 101, seq: 1, rev, offset, content, cursor: `a${rev}` });
  piece(2, 1, "b");
  set.rest.messages = [message({ seq: 1, rev: 4, content: "abcd", streaming: "growing" })];
  piece(4, 3, "d");
  piece(5, 4, "e");
  piece(6, 5, "f");
  await turns();
  assert.deepEqual(set.asked, ["/v1/messages/101"]);
  assert.equal(set.client.state.message(101)?.content, "abcdef");
  assert.deepEqual(set.heard, ["created a", "append b", "reloaded abcd", "append e", "append f"]);
  set.client.close();
});

test("a message that may not be read any more is not fetched for ever", async () => {
  const set = await liveStage();
  set.rest.status = 404;
  set.socket().says({ type: "append", conversation_id: 1, message_id: 9, seq: 1, rev: 2, offset: 3, content: "x" });
  await set.pass(60_000);
  assert.equal(set.asked.length, 1);
  assert.deepEqual(set.heard, []);
  set.client.close();
});

test("one's own piece of text is applied when it is acknowledged", async () => {
  const set = await liveStage();
  set.socket().says(created(1, { content: "a", streaming: "growing" }));
  const appended = set.client.append(101, 1, "bc");
  ack(set, "append", { message_id: 101, rev: 2, length: 3 });
  assert.deepEqual(await appended, { rev: 2, length: 3 });
  assert.equal(set.client.state.message(101)?.content, "abc");
  set.client.close();
});

test("a repeated piece, acknowledged when there is more already, does not hide that", async () => {
  const set = await liveStage();
  set.socket().says(created(1, { content: "a", streaming: "growing" }));
  void set.client.append(101, 1, "b");
  set.rest.messages = [message({ seq: 1, rev: 3, content: "abc", streaming: "growing" })];
  ack(set, "append", { message_id: 101, rev: 3, length: 3 });
  await turns();
  assert.equal(set.client.state.message(101)?.content, "abc");
  set.client.close();
});

test("what was said of presence and view is said again after a break, typing is not", async () => {
  const set = await liveStage();
  set.client.presence("away");
  set.client.view([1]);
  set.client.view([1, 2]);
  set.client.typing(1);
  set.client.typing(1);
  assert.equal(set.socket().ops("typing").length, 1);
  set.socket().ends();
  set.client.typing(2);
  await set.pass(250);
  set.socket().greets({ resumed: true });
  assert.deepEqual(set.socket().sent.map(({ op }) => op), ["presence", "view"]);
  assert.deepEqual(set.socket().ops("view")[0]!["conversation_ids"], [1, 2]);
  set.client.close();
});

test("deleting for oneself takes the message away at once", async () => {
  const set = await liveStage();
  set.socket().says(created(1));
  const deleted = set.client.delete(101, "me");
  assert.equal(set.socket().ops("delete")[0]!["for"], "me");
  ack(set, "delete");
  await deleted;
  assert.deepEqual(set.client.state.messages(1), []);
  assert.deepEqual(set.heard, ["created message 1", "hidden 101"]);
  set.client.close();
});

test("an error that answers nothing is told, and so is a listener that throws", async () => {
  const set = await liveStage();
  set.client.on("typing", () => {
    throw new Error("listener");
  });
  set.socket().says({ type: "error", id: null, code: "bad_frame", error: "No JSON", temporary: false });
  set.socket().says({ type: "typing", conversation_id: 1, user_id: 2, expires_in_ms: 6000 });
  assert.deepEqual(set.heard, ["error No JSON", "typing 2", "error listener"]);
  set.client.close();
});

test("a listener hears nothing after it has left", async () => {
  const set = await liveStage();
  let heard = 0;
  const leave = set.client.on("message", () => (heard += 1));
  set.socket().says(created(1));
  leave();
  set.socket().says(created(2));
  assert.equal(heard, 1);
  set.client.close();
});

test("the outbox outlives the program, and is sent in order under the same keys", async () => {
  const texts = new Map<string, string>();
  const storage = { get: (key: string) => texts.get(key), set: (key: string, value: string) => void texts.set(key, value) };
  const first = stage({ storage });
  const lost = ["a", "b"].map((content) => first.client.send({ to_user: 2, content, client_msg_id: `key ${content}` }));
  await turns();
  first.client.close();
  for (const { status } of await Promise.allSettled(lost)) assert.equal(status, "rejected");

  const second = stage({ storage });
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

/** What an earlier run has left, and what listeners of the outbox see of it. */
function leftBy(user_id: number, ...ops: MessageOp[]) {
  const texts = new Map([["chatserver.outbox", JSON.stringify({ user_id, ops })]]);
  const set = stage({ storage: { get: (key) => texts.get(key), set: (key, value) => void texts.set(key, value) } });
  const seen: unknown[][] = [];
  set.client.on("outbox", (ops) => seen.push(ops.map(({ client_msg_id }) => client_msg_id)));
  return { ...set, seen };
}

test("what waits shows before the server has spoken, in the order in which it was written", async () => {
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

test("what another user left in the outbox is not sent, and shows no longer", async () => {
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

test("nobody is told of an outbox in which nothing was left", async () => {
  const { client, seen } = leftBy(1);
  client.connect().catch(() => undefined);
  await turns();
  assert.deepEqual(seen, []);
  client.close();
});

test("listeners of the outbox see it grow and shrink", async () => {
  const set = await liveStage();
  const sizes: number[] = [];
  set.client.on("outbox", (ops) => sizes.push(ops.length));
  const sent = set.client.send({ to_user: 2, content: "hi" });
  ack(set, "send", { message: message({ seq: 1 }) });
  await sent;
  assert.deepEqual(sizes, [1, 0]);
  set.client.close();
});

test("a client needs a token and a WebSocket", () => {
  const { WebSocket } = fakeSockets();
  assert.throws(() => new ChatClient({ url: "http://chat.test", WebSocket }), /token/);
  if (!("WebSocket" in globalThis)) assert.throws(() => new ChatClient({ url: "http://chat.test", token: "t" }), /WebSocket/);
});
