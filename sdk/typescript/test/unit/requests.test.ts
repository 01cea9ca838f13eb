import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Requests } from "../../src/requests.js";
import { ChatError, type ErrorFrame } from "../../src/index.js";
import { message } from "../support/objects.js";
import { turns } from "../support/fake_socket.js";

interface Sent {
  op: string;
  id: number;
  client_msg_id?: string;
  content?: string;
}

let sent: Sent[];
let refused: ChatError[];
let requests: Requests;

beforeEach((context) => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  void context;
  sent = [];
  refused = [];
  requests = new Requests({
    transmit: (frame) => {
      sent.push(frame as unknown as Sent);
      return true;
    },
    changed: () => undefined,
    refused: (error) => refused.push(error),
    now: () => Date.now(),
    random: () => 0.5,
  });
});

const send = (key: string, to = 2): Promise<unknown> =>
  requests.add({ op: "send", to_user: to, content: key, client_msg_id: key });
const keys = (): (string | undefined)[] => sent.map(({ client_msg_id }) => client_msg_id);
const error = (id: number, part: Partial<ErrorFrame> = {}): ErrorFrame => ({
  type: "error", id, code: "overloaded", error: "Too much", temporary: true, ...part,
});

test("messages to one conversation are sent one after another, without waiting for other conversations", () => {
  requests.up();
  for (const [key, to] of [["a", 2], ["b", 2], ["c", 3], ["d", 2]] as const) void send(key, to);
  assert.deepEqual(keys(), ["a", "c"]);
  requests.acknowledged({ type: "ack", id: sent[0]!.id });
  assert.deepEqual(keys(), ["a", "c", "b"]);
});

test("after a reconnect everything unanswered is resent, in the original order and under the same keys", () => {
  requests.up();
  for (const [key, to] of [["a", 2], ["b", 3], ["c", 2]] as const) void send(key, to);
  requests.acknowledged({ type: "ack", id: sent[1]!.id });
  requests.down();
  void send("d", 4);
  assert.deepEqual(keys(), ["a", "b"], "nothing is sent without a connection");
  sent = [];
  requests.up();
  assert.deepEqual(keys(), ["a", "d"]);
  requests.acknowledged({ type: "ack", id: sent[0]!.id });
  assert.deepEqual(keys(), ["a", "d", "c"]);
});

test("an ack settles its request, once", async () => {
  requests.up();
  const answer = send("a");
  const ack = { type: "ack", id: sent[0]!.id, message: message({ seq: 1 }) } as const;
  assert.equal(requests.acknowledged(ack)?.op, "send");
  assert.equal(requests.acknowledged(ack), undefined);
  assert.equal(await answer, ack);
  assert.deepEqual(requests.kept, []);
});

test("a temporary refusal is repeated after the delay that the server names, and is not overtaken", () => {
  requests.up();
  void send("a");
  void send("b");
  requests.refused(error(sent[0]!.id, { retry_after_ms: 700 }));
  mock.timers.tick(699);
  assert.deepEqual(keys(), ["a"]);
  mock.timers.tick(1);
  assert.deepEqual(keys(), ["a", "a"]);
  requests.acknowledged({ type: "ack", id: sent[1]!.id });
  assert.deepEqual(keys(), ["a", "a", "b"]);
});

test("a temporary refusal without a delay backs off", () => {
  requests.up();
  void send("a");
  for (const delay of [250, 500, 1000]) {
    sent.length = 1;
    requests.refused(error(sent[0]!.id));
    mock.timers.tick(delay - 1);
    assert.equal(sent.length, 1);
    mock.timers.tick(1);
    assert.equal(sent.length, 2);
  }
});

test("a permanent refusal rejects, and the next request proceeds", async () => {
  requests.up();
  const answer = send("a");
  void send("b");
  requests.refused(error(sent[0]!.id, { temporary: false, code: "not_member" }));
  await assert.rejects(answer, (reason) => reason instanceof ChatError && reason.code === "not_member" && reason.client_msg_id === "a");
  assert.deepEqual(keys(), ["a", "b"]);
  assert.equal(requests.refused(error(77)), false, "it answers no request");
});

test("messages of an earlier run go first, and refusals of them are reported", () => {
  void send("new");
  requests.restore([
    { op: "send", to_user: 2, client_msg_id: "old 1" },
    { op: "send", to_user: 2, client_msg_id: "old 2" },
  ]);
  assert.deepEqual(requests.kept.map((op) => op["client_msg_id"]), ["old 1", "old 2", "new"]);
  requests.up();
  assert.deepEqual(keys(), ["old 1"]);
  requests.refused(error(sent[0]!.id, { temporary: false, code: "not_found" }));
  assert.deepEqual(refused.map(({ code, client_msg_id }) => [code, client_msg_id]), [["not_found", "old 1"]]);
  assert.deepEqual(keys(), ["old 1", "old 2"]);
});

test("a message that has arrived was accepted, even if the ack is lost", async () => {
  requests.up();
  const answer = send("a");
  const seen = message({ seq: 1, client_msg_id: "a" });
  requests.seen(message({ seq: 2, client_msg_id: null }));
  assert.equal(requests.kept.length, 1);
  requests.seen(seen);
  assert.deepEqual(((await answer) as { message: unknown }).message, seen);
  requests.down();
  requests.up();
  assert.deepEqual(keys(), ["a"], "it is not resent");
});

test("changes of one message keep their order, those of another do not wait", () => {
  requests.up();
  void requests.add({ op: "edit", message_id: 1, content: "first" });
  void requests.add({ op: "edit", message_id: 1, content: "second" });
  void requests.add({ op: "react", message_id: 2, emoji: "👍" });
  assert.deepEqual(sent.map(({ op, content }) => [op, content]), [["edit", "first"], ["react", undefined]]);
});

test("at most 32 requests are in flight", () => {
  requests.up();
  for (let user = 0; user < 100; user += 1) void send(`to ${user}`, user + 2);
  assert.equal(sent.length, 32);
  requests.acknowledged({ type: "ack", id: sent[0]!.id });
  assert.equal(sent.length, 33);
});

test("a frame that was too big is not resent forever", async () => {
  requests.up();
  const small = send("small", 2);
  const big = requests.add({ op: "send", to_user: 3, content: "x".repeat(999), client_msg_id: "big" });
  requests.tooBig();
  requests.down();
  await assert.rejects(big, (reason) => reason instanceof ChatError && reason.code === "too_big");
  sent = [];
  requests.up();
  assert.deepEqual(keys(), ["small"]);
  requests.acknowledged({ type: "ack", id: sent[0]!.id });
  await small;
});

test("an unaccepted message can be discarded", async () => {
  const answer = send("a");
  assert.equal(requests.discard("a"), true);
  assert.equal(requests.discard("a"), false);
  await assert.rejects(answer, (reason) => reason instanceof ChatError && reason.code === "discarded");
  requests.up();
  assert.deepEqual(keys(), []);
});

test("when promises are abandoned, messages stay and everything else is dropped", async () => {
  const sending = send("a");
  const editing = requests.add({ op: "edit", message_id: 1, content: "b" });
  requests.abandon(new ChatError("closed", { code: "closed" }));
  await assert.rejects(sending, { code: "closed" });
  await assert.rejects(editing, { code: "closed" });
  await turns();
  requests.up();
  assert.deepEqual(sent.map(({ op }) => op), ["send"]);
});
