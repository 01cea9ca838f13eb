import assert from "node:assert/strict";
import { test } from "node:test";
import { streamUrl } from "../../src/link.js";
import { conversation, message, OWN } from "../support/objects.js";
import { turns } from "../support/fake_socket.js";
import { liveFixture, newFixture } from "../support/fake_server.js";

test("the stream's URL follows from the server's", () => {
  assert.equal(streamUrl("http://localhost:8080", undefined), "ws://localhost:8080/ws?lean=1");
  assert.equal(streamUrl("https://example.com/chat/", "a-1"), "wss://example.com/chat/ws?lean=1&cursor=a-1");
  assert.equal(streamUrl("http://localhost:8080", "a-1", 50), "ws://localhost:8080/ws?lean=1&cursor=a-1&max_changes=50");
  assert.equal(streamUrl("http://localhost:8080", undefined, 50), "ws://localhost:8080/ws?lean=1");
});

test("the first connection authenticates, loads the conversations, and is ready then", async () => {
  const fixture = newFixture();
  fixture.rest.conversations = [conversation({ ...OWN, last_seq: 3, last_message: message({ seq: 3 }) })];
  let isReady = false;
  const connected = fixture.client.connect().then(() => (isReady = true));
  await turns();
  assert.equal(fixture.socket().url, "ws://chat.test/ws?lean=1");
  assert.deepEqual(fixture.socket().protocols, ["chatserver.v2", "bearer.t0"]);
  fixture.socket().greets();
  await turns();
  assert.equal(isReady, false);
  fixture.socket().says({ type: "live", cursor: "c1" });
  await connected;
  assert.deepEqual(fixture.asked, ["/v1/conversations?limit=200&lean=1"]);
  assert.equal(fixture.client.state.conversation(1)?.last_message?.seq, 3);
  assert.deepEqual(fixture.events, ["status connecting", "status catching_up", "live", "status live", "conversation 1"]);
  fixture.client.close();
});

test("a reconnect resumes at the last cursor", async () => {
  const fixture = await liveFixture();
  fixture.socket().says({ type: "message", event: "created", conversation_id: 1, message: message({ seq: 1 }), cursor: "c7" });
  fixture.socket().ends();
  assert.deepEqual(fixture.client.status, { status: "waiting", retry_in_ms: 250, code: 1006, reason: "" });
  await fixture.pass(249);
  assert.equal(fixture.sockets.length, 1);
  await fixture.pass(1);
  assert.equal(fixture.socket().url, "ws://chat.test/ws?lean=1&cursor=c7");
  // The greeting of a resumed stream does not move the cursor: the connection may end before missed events arrive.
  fixture.socket().greets({ resumed: true, cursor: "c99" });
  fixture.socket().ends();
  await fixture.pass(30_000);
  assert.equal(fixture.socket().url, "ws://chat.test/ws?lean=1&cursor=c7");
  fixture.client.close();
});

test("retries back off until the stream is live again", async () => {
  const fixture = await liveFixture();
  const delays = [];
  for (let n = 0; n < 8; n += 1) {
    fixture.socket().ends();
    const { status } = fixture.client;
    delays.push(status.status === "waiting" ? status.retry_in_ms : undefined);
    await fixture.pass(30_000);
  }
  assert.deepEqual(delays, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
  fixture.socket().greets();
  fixture.socket().says({ type: "live", cursor: "c2" });
  fixture.socket().ends();
  assert.deepEqual(fixture.client.status, { status: "waiting", retry_in_ms: 250, code: 1006, reason: "" });
  fixture.client.close();
});

for (const [code, why] of [[1012, "restarting"], [4029, "too many streams opened"]] as const) {
  test(`the server announces when to reconnect: ${why}`, async () => {
    const fixture = await liveFixture();
    fixture.socket().ends(code, `${why}: reconnect in 1300 ms`);
    await fixture.pass(1299);
    assert.equal(fixture.sockets.length, 1);
    await fixture.pass(1);
    assert.equal(fixture.sockets.length, 2);
    fixture.client.close();
  });
}

test("a revoked token ends the connection, and pending promises reject", async () => {
  const fixture = await liveFixture();
  const sending = fixture.client.edit(1, "x");
  fixture.socket().ends(4001, "revoked");
  await assert.rejects(sending, { code: "unauthorized" });
  assert.deepEqual(fixture.client.status, { status: "unauthorized" });
  await fixture.pass(100_000);
  assert.equal(fixture.sockets.length, 1);
});

test("with getToken a different token is tried, the same one is not", async () => {
  let token = "t1";
  const fixture = await liveFixture({ getToken: async () => token });
  token = "t2";
  fixture.socket().ends(4001, "expired");
  await fixture.pass(500);
  assert.deepEqual(fixture.socket().protocols, ["chatserver.v2", "bearer.t2"]);
  fixture.socket().greets();
  fixture.socket().ends(4001, "expired");
  await fixture.pass(30_000);
  assert.equal(fixture.sockets.length, 2);
  assert.deepEqual(fixture.client.status, { status: "unauthorized" });
});

test("a handshake refused because of the token is recognized over REST", async () => {
  const fixture = newFixture();
  fixture.rest.status = 401;
  const connected = fixture.client.connect();
  connected.catch(() => undefined);
  await turns();
  fixture.socket().ends();
  await turns();
  assert.deepEqual(fixture.asked, ["/v1/test-auth"]);
  assert.deepEqual(fixture.client.status, { status: "unauthorized" });
  await assert.rejects(connected, { code: "unauthorized" });
});

test("a handshake that fails for another reason is retried", async () => {
  const fixture = newFixture();
  fixture.rest.status = 503;
  fixture.client.connect().catch(() => undefined);
  await turns();
  fixture.socket().ends();
  await fixture.pass(250);
  assert.equal(fixture.sockets.length, 2);
  fixture.client.close();
});

test("a server that does not greet is given up", async () => {
  const fixture = newFixture();
  fixture.client.connect().catch(() => undefined);
  await fixture.pass(9999);
  assert.equal(fixture.socket().isClosed, false);
  await fixture.pass(1);
  assert.equal(fixture.sockets[0]!.isClosed, true);
  assert.equal(fixture.client.status.status, "waiting");
  fixture.client.close();
});

test("a quiet connection is pinged after two heartbeats, and given up if it does not answer", async () => {
  const fixture = await liveFixture();
  await fixture.pass(39_999);
  assert.equal(fixture.socket().ops("ping").length, 0);
  await fixture.pass(1);
  assert.equal(fixture.socket().ops("ping").length, 1);
  fixture.socket().says({ type: "pong", id: "ping", server_time: "2026-01-01T16:00:00Z" });
  await fixture.pass(39_999);
  assert.equal(fixture.socket().ops("ping").length, 1);
  await fixture.pass(1);
  assert.equal(fixture.socket().ops("ping").length, 2);
  await fixture.pass(10_000);
  assert.equal(fixture.client.status.status, "waiting");
  fixture.client.close();
});

test("an unanswered request is noticed sooner", async () => {
  const fixture = await liveFixture();
  const sent = fixture.client.send({ to_user: 2, content: "hi" });
  sent.catch(() => undefined);
  await fixture.pass(5000);
  assert.equal(fixture.socket().ops("ping").length, 1);
  await fixture.pass(4999);
  assert.equal(fixture.client.status.status, "live");
  await fixture.pass(1);
  assert.equal(fixture.client.status.status, "waiting");
  await fixture.pass(250);
  fixture.socket().greets({ resumed: true });
  assert.deepEqual(fixture.socket().ops("send").map((frame) => frame["content"]), ["hi"]);
  fixture.client.close();
});

test("frames of others do not prove that ours arrive", async () => {
  const fixture = await liveFixture();
  fixture.client.send({ to_user: 2, content: "hi" }).catch(() => undefined);
  for (let seq = 1; seq <= 20; seq += 1) {
    await fixture.pass(500);
    const frame = { type: "message", event: "created", conversation_id: 1, message: message({ seq }), cursor: `m${seq}` } as const;
    if (seq < 20) fixture.socket().says(frame);
  }
  assert.equal(fixture.client.status.status, "waiting");
  fixture.client.close();
});

test("a server that is slow with one request but answers pings is not given up", async () => {
  const fixture = await liveFixture();
  fixture.client.send({ to_user: 2, content: "hi" }).catch(() => undefined);
  for (let n = 0; n < 10; n += 1) {
    await fixture.pass(5000);
    fixture.socket().says({ type: "pong", id: "ping", server_time: "2026-01-01T16:00:00Z" });
  }
  assert.equal(fixture.socket().ops("ping").length, 10);
  assert.equal(fixture.client.status.status, "live");
  fixture.client.close();
});

test("frames of an earlier connection are ignored", async () => {
  const fixture = await liveFixture();
  const old = fixture.socket();
  old.ends();
  old.says({ type: "message", event: "created", conversation_id: 1, message: message({ seq: 1 }), cursor: "c9" });
  old.ends(4001);
  assert.equal(fixture.client.state.message(101), undefined);
  assert.equal(fixture.client.status.status, "waiting");
  fixture.client.close();
});

test("closing ends all retries, and connecting again resumes at the cursor", async () => {
  const fixture = await liveFixture();
  const sending = fixture.client.send({ to_user: 2, content: "later" });
  fixture.client.close();
  await assert.rejects(sending, { code: "closed" });
  await fixture.pass(100_000);
  assert.equal(fixture.sockets.length, 1);
  assert.equal(fixture.sockets[0]!.isClosed, true);
  const connected = fixture.client.connect();
  await turns();
  assert.equal(fixture.socket().url, "ws://chat.test/ws?lean=1&cursor=c1");
  fixture.socket().greets({ resumed: true });
  fixture.socket().says({ type: "live", cursor: "c1" });
  await connected;
  assert.deepEqual(fixture.socket().ops("send").map((frame) => frame["content"]), ["later"]);
  fixture.client.close();
});

test("a failure to get a token is reported, and the token is requested again", async () => {
  let isDown = true;
  const fixture = newFixture({ getToken: () => (isDown ? Promise.reject(new Error("no network")) : "t1") });
  fixture.client.connect().catch(() => undefined);
  await turns();
  assert.deepEqual(fixture.events, ["status connecting", "error no network", "status waiting"]);
  isDown = false;
  await fixture.pass(250);
  assert.equal(fixture.sockets.length, 1);
  fixture.client.close();
});

test("when the system reports a network, the client retries at once", async () => {
  const listeners = new Set<() => void>();
  const browser = globalThis as unknown as Record<string, unknown>;
  browser["addEventListener"] = (_: string, listener: () => void) => listeners.add(listener);
  browser["removeEventListener"] = (_: string, listener: () => void) => listeners.delete(listener);
  try {
    const fixture = await liveFixture();
    for (const online of listeners) online();
    assert.equal(fixture.socket().ops("ping").length, 1, "a connection that seems to be alive is pinged");
    fixture.socket().ends();
    for (const online of listeners) online();
    await turns();
    assert.equal(fixture.sockets.length, 2);
    fixture.client.close();
    assert.equal(listeners.size, 0);
  } finally {
    delete browser["addEventListener"];
    delete browser["removeEventListener"];
  }
});
