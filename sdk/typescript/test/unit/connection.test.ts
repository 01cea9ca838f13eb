import assert from "node:assert/strict";
import { test } from "node:test";
import { streamUrl } from "../../src/link.js";
import { conversation, message, OWN } from "../support/objects.js";
import { turns } from "../support/fake_socket.js";
import { liveStage, stage } from "../support/fake_server.js";

test("the stream is where the server is", () => {
  assert.equal(streamUrl("http://localhost:8080", undefined), "ws://localhost:8080/ws");
  assert.equal(streamUrl("https://example.com/chat/", "a-1"), "wss://example.com/chat/ws?cursor=a-1");
});

test("the first connection says who it is, loads the conversations, and is ready then", async () => {
  const set = stage();
  set.rest.conversations = [conversation({ ...OWN, last_seq: 3, last_message: message({ seq: 3 }) })];
  let isReady = false;
  const connected = set.client.connect().then(() => (isReady = true));
  await turns();
  assert.equal(set.socket().url, "ws://chat.test/ws");
  assert.deepEqual(set.socket().protocols, ["chatserver.v2", "bearer.t0"]);
  set.socket().greets();
  await turns();
  assert.equal(isReady, false);
  set.socket().says({ type: "live", cursor: "c1" });
  await connected;
  assert.deepEqual(set.asked, ["/v1/conversations?limit=200"]);
  assert.equal(set.client.state.conversation(1)?.last_message?.seq, 3);
  assert.deepEqual(set.heard, ["status connecting", "status catching_up", "live", "status live", "conversation 1"]);
  set.client.close();
});

test("a break is followed by another connection that goes on at the last cursor", async () => {
  const set = await liveStage();
  set.socket().says({ type: "message", event: "created", conversation_id: 1, message: message({ seq: 1 }), cursor: "c7" });
  set.socket().ends();
  assert.deepEqual(set.client.status, { status: "waiting", retry_in_ms: 250, code: 1006, reason: "" });
  await set.pass(249);
  assert.equal(set.sockets.length, 1);
  await set.pass(1);
  assert.equal(set.socket().url, "ws://chat.test/ws?cursor=c7");
  // The greeting of a resumed stream names no new place: the connection may end before what was missed has come.
  set.socket().greets({ resumed: true, cursor: "c99" });
  set.socket().ends();
  await set.pass(30_000);
  assert.equal(set.socket().url, "ws://chat.test/ws?cursor=c7");
  set.client.close();
});

test("tries back off until the stream is live again", async () => {
  const set = await liveStage();
  const delays = [];
  for (let n = 0; n < 8; n += 1) {
    set.socket().ends();
    const { status } = set.client;
    delays.push(status.status === "waiting" ? status.retry_in_ms : undefined);
    await set.pass(30_000);
  }
  assert.deepEqual(delays, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
  set.socket().greets();
  set.socket().says({ type: "live", cursor: "c2" });
  set.socket().ends();
  assert.deepEqual(set.client.status, { status: "waiting", retry_in_ms: 250, code: 1006, reason: "" });
  set.client.close();
});

for (const [code, why] of [[1012, "restarting"], [4029, "too many streams opened"]] as const) {
  test(`a server says when to come back: ${why}`, async () => {
    const set = await liveStage();
    set.socket().ends(code, `${why}: reconnect in 1300 ms`);
    await set.pass(1299);
    assert.equal(set.sockets.length, 1);
    await set.pass(1);
    assert.equal(set.sockets.length, 2);
    set.client.close();
  });
}

test("a revoked token ends it, and whoever waits is told", async () => {
  const set = await liveStage();
  const sending = set.client.edit(1, "x");
  set.socket().ends(4001, "revoked");
  await assert.rejects(sending, { code: "unauthorized" });
  assert.deepEqual(set.client.status, { status: "unauthorized" });
  await set.pass(100_000);
  assert.equal(set.sockets.length, 1);
});

test("with getToken another token is tried, the same one is not", async () => {
  let token = "t1";
  const set = await liveStage({ getToken: async () => token });
  token = "t2";
  set.socket().ends(4001, "expired");
  await set.pass(500);
  assert.deepEqual(set.socket().protocols, ["chatserver.v2", "bearer.t2"]);
  set.socket().greets();
  set.socket().ends(4001, "expired");
  await set.pass(30_000);
  assert.equal(set.sockets.length, 2);
  assert.deepEqual(set.client.status, { status: "unauthorized" });
});

test("a handshake that fails because of the token is found out by REST", async () => {
  const set = stage();
  set.rest.status = 401;
  const connected = set.client.connect();
  connected.catch(() => undefined);
  await turns();
  set.socket().ends();
  await turns();
  assert.deepEqual(set.asked, ["/v1/test-auth"]);
  assert.deepEqual(set.client.status, { status: "unauthorized" });
  await assert.rejects(connected, { code: "unauthorized" });
});

test("a handshake that fails for another reason is tried again", async () => {
  const set = stage();
  set.rest.status = 503;
  set.client.connect().catch(() => undefined);
  await turns();
  set.socket().ends();
  await set.pass(250);
  assert.equal(set.sockets.length, 2);
  set.client.close();
});

test("a server that does not greet is given up", async () => {
  const set = stage();
  set.client.connect().catch(() => undefined);
  await set.pass(9999);
  assert.equal(set.socket().isClosed, false);
  await set.pass(1);
  assert.equal(set.sockets[0]!.isClosed, true);
  assert.equal(set.client.status.status, "waiting");
  set.client.close();
});

test("a quiet connection is asked after two heartbeats, and given up if it does not answer", async () => {
  const set = await liveStage();
  await set.pass(39_999);
  assert.equal(set.socket().ops("ping").length, 0);
  await set.pass(1);
  assert.equal(set.socket().ops("ping").length, 1);
  set.socket().says({ type: "pong", id: "ping", server_time: "2026-01-01T16:00:00Z" });
  await set.pass(39_999);
  assert.equal(set.socket().ops("ping").length, 1);
  await set.pass(1);
  assert.equal(set.socket().ops("ping").length, 2);
  await set.pass(10_000);
  assert.equal(set.client.status.status, "waiting");
  set.client.close();
});

test("a request that is not answered is noticed sooner", async () => {
  const set = await liveStage();
  const sent = set.client.send({ to_user: 2, content: "hi" });
  sent.catch(() => undefined);
  await set.pass(5000);
  assert.equal(set.socket().ops("ping").length, 1);
  await set.pass(4999);
  assert.equal(set.client.status.status, "live");
  await set.pass(1);
  assert.equal(set.client.status.status, "waiting");
  await set.pass(250);
  set.socket().greets({ resumed: true });
  assert.deepEqual(set.socket().ops("send").map((frame) => frame["content"]), ["hi"]);
  set.client.close();
});

test("frames of others do not show that ours arrive", async () => {
  const set = await liveStage();
  set.client.send({ to_user: 2, content: "hi" }).catch(() => undefined);
  for (let seq = 1; seq <= 20; seq += 1) {
    await set.pass(500);
    const frame = { type: "message", event: "created", conversation_id: 1, message: message({ seq }), cursor: `m${seq}` } as const;
    if (seq < 20) set.socket().says(frame);
  }
  assert.equal(set.client.status.status, "waiting");
  set.client.close();
});

test("a server that takes its time for one thing, and answers another, is not given up", async () => {
  const set = await liveStage();
  set.client.send({ to_user: 2, content: "hi" }).catch(() => undefined);
  for (let n = 0; n < 10; n += 1) {
    await set.pass(5000);
    set.socket().says({ type: "pong", id: "ping", server_time: "2026-01-01T16:00:00Z" });
  }
  assert.equal(set.socket().ops("ping").length, 10);
  assert.equal(set.client.status.status, "live");
  set.client.close();
});

test("what an older connection still says is not heard", async () => {
  const set = await liveStage();
  const old = set.socket();
  old.ends();
  old.says({ type: "message", event: "created", conversation_id: 1, message: message({ seq: 1 }), cursor: "c9" });
  old.ends(4001);
  assert.equal(set.client.state.message(101), undefined);
  assert.equal(set.client.status.status, "waiting");
  set.client.close();
});

test("closing ends every try, and connecting again goes on where it was", async () => {
  const set = await liveStage();
  const sending = set.client.send({ to_user: 2, content: "later" });
  set.client.close();
  await assert.rejects(sending, { code: "closed" });
  await set.pass(100_000);
  assert.equal(set.sockets.length, 1);
  assert.equal(set.sockets[0]!.isClosed, true);
  const connected = set.client.connect();
  await turns();
  assert.equal(set.socket().url, "ws://chat.test/ws?cursor=c1");
  set.socket().greets({ resumed: true });
  set.socket().says({ type: "live", cursor: "c1" });
  await connected;
  assert.deepEqual(set.socket().ops("send").map((frame) => frame["content"]), ["later"]);
  set.client.close();
});

test("a token that cannot be had is an error, and is asked for again", async () => {
  let isDown = true;
  const set = stage({ getToken: () => (isDown ? Promise.reject(new Error("no network")) : "t1") });
  set.client.connect().catch(() => undefined);
  await turns();
  assert.deepEqual(set.heard, ["status connecting", "error no network", "status waiting"]);
  isDown = false;
  await set.pass(250);
  assert.equal(set.sockets.length, 1);
  set.client.close();
});

test("when the system says that there is a network again, nobody waits on", async () => {
  const listeners = new Set<() => void>();
  const browser = globalThis as unknown as Record<string, unknown>;
  browser["addEventListener"] = (_: string, listener: () => void) => listeners.add(listener);
  browser["removeEventListener"] = (_: string, listener: () => void) => listeners.delete(listener);
  try {
    const set = await liveStage();
    for (const online of listeners) online();
    assert.equal(set.socket().ops("ping").length, 1, "a connection that seems to live is asked");
    set.socket().ends();
    for (const online of listeners) online();
    await turns();
    assert.equal(set.sockets.length, 2);
    set.client.close();
    assert.equal(listeners.size, 0);
  } finally {
    delete browser["addEventListener"];
    delete browser["removeEventListener"];
  }
});
