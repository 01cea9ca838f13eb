import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { ChatClient, login, type MessageEvent } from "../../src/index.js";
import { impatientClient, JERRY, restOf, TOM, tokenOf, until } from "../support/people.js";
import { Server } from "../support/server.js";

let server: Server;
let tom: ChatClient;
let jerry: ChatClient;

before(async () => {
  server = await Server.start();
  const client = async (name: string) => new ChatClient({ url: server.url, token: await tokenOf(server, name), WebSocket });
  [tom, jerry] = [await client("tom"), await client("jerry")];
  await Promise.all([tom.connect(), jerry.connect()]);
});

after(async () => {
  tom?.close();
  jerry?.close();
  await server?.remove();
});

const seen = (client: ChatClient, id: number) => client.state.message(id);

test("Tom writes, Jerry has it, reads it, and Tom knows", async () => {
  const sent = await tom.send({ to_user: JERRY, content: "Is there cheese?" });
  assert.equal(sent.sender_id, TOM);
  await until(() => seen(jerry, sent.id)?.content === "Is there cheese?");
  const id = sent.conversation_id;
  assert.equal(jerry.state.conversation(id)?.unread ?? 0, 1);
  await until(() => tom.state.status(sent) === "DELIVERED");
  await jerry.read(id, sent.seq);
  await until(() => tom.state.status(sent) === "READ");
  await until(() => jerry.state.pointers(id, JERRY).read_seq === sent.seq);
  await until(() => [tom, jerry].every((client) => client.state.conversation(id)?.capabilities?.includes("react") === true));
});

test("reactions, edits, pins and deletions reach the other side", async () => {
  const { id } = await tom.send({ to_user: JERRY, content: "first", custom: { mood: "hungry" } });
  await until(() => seen(jerry, id) !== undefined);
  await jerry.react(id, "🧀");
  await until(() => seen(tom, id)?.reactions.length === 1);
  assert.deepEqual(seen(tom, id)?.reactions, [{ emoji: "🧀", count: 1, me: false }]);
  assert.deepEqual(seen(jerry, id)?.reactions, [{ emoji: "🧀", count: 1, me: true }]);
  await tom.edit(id, "second");
  await until(() => seen(jerry, id)?.content === "second");
  assert.ok(seen(jerry, id)?.edited_at);
  assert.deepEqual(seen(jerry, id)?.custom, { mood: "hungry" });
  await jerry.pin(id);
  await until(() => seen(tom, id)?.pinned_by === JERRY);
  await jerry.unreact(id, "🧀");
  await until(() => seen(tom, id)?.reactions.length === 0);
  await tom.delete(id);
  await until(() => seen(jerry, id)?.deleted_at !== null);
  assert.equal(seen(jerry, id)?.content, "");
});

test("a message deleted for oneself disappears on all devices of the user, and nowhere else", async () => {
  const phone = new ChatClient({ url: server.url, token: await tokenOf(server, "jerry"), WebSocket });
  await phone.connect();
  const { id, conversation_id } = await tom.send({ to_user: JERRY, content: "secret" });
  await until(() => seen(phone, id) !== undefined && seen(jerry, id) !== undefined);
  await jerry.delete(id, "me");
  await until(() => seen(phone, id) === undefined);
  assert.equal(seen(jerry, id), undefined);
  assert.equal(seen(tom, id)?.content, "secret");
  assert.ok(!(await phone.history(conversation_id)).some((message) => message.id === id));
  phone.close();
});

test("streaming text grows as it is written, and no character is missing", async () => {
  const { id } = await tom.send({ to_user: JERRY, streaming: true, content: "" });
  let length = 0;
  for (const piece of ["Once ", "upon ", "a 🐭 ", "time"]) ({ length } = await tom.append(id, length, piece));
  assert.equal(length, 18);
  await until(() => seen(jerry, id)?.content === "Once upon a 🐭 time");
  assert.equal(seen(jerry, id)?.streaming, "growing");
  await tom.finish(id);
  await until(() => seen(jerry, id)?.streaming === "finished");
  assert.equal(seen(tom, id)?.content, "Once upon a 🐭 time");
  await assert.rejects(tom.append(id, length, "!"), { code: "not_growing" });
});

test("the same key makes one message", async () => {
  const draft = { to_user: JERRY, content: "once", client_msg_id: "the same" };
  const [first, second] = [await tom.send(draft), await tom.send(draft)];
  assert.equal(first.id, second.id);
});

test("in a new conversation each member knows its capabilities", async () => {
  const { group_id } = await tom.rest.post("/v1/groups", { body: { name: "Mice" } });
  await tom.rest.post("/v1/groups/{id}/members", { path: { id: group_id }, body: { user_id: JERRY } });
  const ofGroup = (client: ChatClient) => client.state.conversations().find((one) => one.group_id === group_id);
  await until(() => ofGroup(tom)?.capabilities?.includes("rename") === true);
  await until(() => ofGroup(jerry)?.capabilities?.includes("react") === true);
  assert.equal(ofGroup(jerry)?.capabilities?.includes("rename"), false);
  assert.equal(ofGroup(jerry)?.role, "member");
});

test("a group is created over REST, announced on the stream, written to, and left", async () => {
  const received: string[] = [];
  const unsubscribe = jerry.on("conversation", ({ name, role }) => received.push(`${name} ${role}`));
  const group = await tom.rest.post("/v1/groups", { body: { name: "Cheese" } });
  await tom.rest.post("/v1/groups/{id}/members", { path: { id: group.id }, body: { user_id: JERRY } });
  await until(() => received.includes("Cheese member"), () => received.join());
  const sent = await tom.send({ to_group: group.id, content: "All of you", mention_all: true });
  await until(() => seen(jerry, sent.id) !== undefined);
  assert.deepEqual(
    [jerry.state.conversation(sent.conversation_id)?.unread, jerry.state.conversation(sent.conversation_id)?.mentions],
    [1, 1],
  );
  await tom.rest.delete("/v1/groups/{id}/members/{userId}", { path: { id: group.id, userId: JERRY } });
  await until(() => jerry.state.conversation(sent.conversation_id)?.role === null);
  await assert.rejects(jerry.send({ to_group: group.id, content: "Me too" }), (error: { code: string }) => error.code !== "closed");
  unsubscribe();
});

test("typing and presence reach the clients that view the conversation", async () => {
  const { conversation_id } = await tom.send({ to_user: JERRY, content: "look" });
  const received: string[] = [];
  const unsubscribe = [
    tom.on("typing", ({ user_id }) => received.push(`typing ${user_id}`)),
    tom.on("presence", ({ user_id, status }) => received.push(`${user_id} ${status}`)),
  ];
  tom.view([conversation_id]);
  await until(() => received.includes("2 online"), () => received.join());
  jerry.typing(conversation_id);
  await until(() => received.includes("typing 2"), () => received.join());
  jerry.presence("away");
  await until(() => received.includes("2 away"), () => received.join());
  assert.equal(tom.state.presence(JERRY)?.status, "away");
  for (const remove of unsubscribe) remove();
});

test("changes of per-member state reach the user's other devices", async () => {
  const { conversation_id: id } = await tom.send({ to_user: JERRY, content: "put away" });
  await until(() => jerry.state.conversation(id) !== undefined);
  await jerry.rest.patch("/v1/conversations/{id}/state", { path: { id }, body: { archived: true, draft: "well" } });
  await until(() => jerry.state.conversation(id)?.archived === true);
  assert.equal(jerry.state.conversation(id)?.draft, "well");
});

test("all conversations are marked as read at once", async () => {
  const { conversation_id: id, seq } = await tom.send({ to_user: JERRY, content: "unread" });
  await until(() => (jerry.state.conversation(id)?.unread ?? 0) > 0);
  const { read } = await jerry.readAll();
  assert.ok(read.some((pointer) => pointer.conversation_id === id && pointer.read_seq === seq));
  await until(() => jerry.state.conversation(id)?.unread === 0);
  assert.deepEqual(await jerry.readAll([id, 999_999]), { read: [], not_found: [999_999] });
});

test("pages of history join without a gap", async () => {
  const sent = [];
  for (let n = 0; n < 12; n += 1) sent.push(await tom.send({ to_user: JERRY, content: `page ${n}` }));
  const { conversation_id: id, seq: last } = sent.at(-1)!;
  const late = new ChatClient({ url: server.url, token: await tokenOf(server, "jerry"), WebSocket });
  await late.connect();
  assert.deepEqual(late.state.messages(id).map(({ seq }) => seq), [last]);
  let first = last;
  while (late.state.messages(id).length < 12) {
    await late.history(id, { before_seq: first, limit: 5 });
    assert.ok(late.state.messages(id)[0]!.seq < first, "a page brings something");
    first = late.state.messages(id)[0]!.seq;
  }
  assert.deepEqual(late.state.messages(id).slice(-12).map(({ content }) => content), sent.map(({ content }) => content));
  late.close();
});

test("a client that was offline gets what happened, in its present state", async () => {
  const away = impatientClient(server.url, await tokenOf(server, "jerry"));
  await away.connect();
  const before = await tom.send({ to_user: JERRY, content: "before" });
  await until(() => away.state.message(before.id) !== undefined);
  away.close();
  const gone = await tom.send({ to_user: JERRY, content: "gone" });
  const stays = await tom.send({ to_user: JERRY, content: "stays" });
  await tom.edit(before.id, "changed");
  await tom.delete(gone.id);
  const events: MessageEvent[] = [];
  away.on("message", (event) => events.push(event));
  await away.connect();
  assert.equal(away.state.message(before.id)?.content, "changed");
  assert.ok(away.state.message(gone.id)?.deleted_at);
  assert.equal(away.state.message(stays.id)?.content, "stays");
  assert.deepEqual(new Set(events.map(({ message }) => message.id)), new Set([before.id, gone.id, stays.id]));
  assert.equal(events.length, 3);
  away.close();
});

test("a cursor of another database clears the state and reloads it", async () => {
  const token = await tokenOf(server, "jerry");
  const stranger = new ChatClient({ url: server.url, token, WebSocket, cursor: "00000000-1" });
  let resyncs = 0;
  stranger.on("resync", () => (resyncs += 1));
  await stranger.connect();
  await until(() => stranger.state.conversations().length > 0);
  assert.equal(resyncs, 1);
  assert.notEqual(stranger.cursor, "00000000-1");
  stranger.close();
});

test("a wrong token is reported as unauthorized", async () => {
  const nobody = new ChatClient({ url: server.url, token: "wrong", WebSocket });
  await assert.rejects(nobody.connect(), { code: "unauthorized" });
  assert.deepEqual(nobody.status, { status: "unauthorized" });
  await assert.rejects(login(server.url, { username: "tom", password: "wrong password" }), { status: 401 });
});

test("logging out ends the streams of that token, and no others", async () => {
  const phone = new ChatClient({ url: server.url, token: await tokenOf(server, "jerry"), WebSocket });
  await phone.connect();
  await phone.rest.post("/v1/users/logout");
  await until(() => phone.status.status === "unauthorized", () => phone.status.status);
  await assert.rejects(phone.connect(), { code: "unauthorized" });
  assert.equal(jerry.status.status, "live");
});

test("a refusal by the server is an error with its code", async () => {
  const refusal = (error: { code: string; temporary: boolean }): boolean => error.code !== "" && !error.temporary;
  await assert.rejects(tom.send({ to_user: 999, content: "nobody" }), refusal);
  await assert.rejects(tom.send({ to_user: JERRY, content: "" }), refusal);
  await assert.rejects(tom.edit(999_999, "nothing"), refusal);
  assert.deepEqual(tom.outbox, []);
});

test("a client's unread counts equal the server's", async () => {
  const rest = await restOf(server, "jerry");
  const { conversations } = await rest.get("/v1/conversations");
  assert.ok(conversations.length > 0);
  const onServer = conversations.map(({ id, unread, mentions }) => ({ id, unread, mentions }));
  const known = () => onServer.map(({ id }) => {
    const { unread, mentions } = jerry.state.conversation(id) ?? {};
    return { id, unread, mentions };
  });
  await until(() => JSON.stringify(known()) === JSON.stringify(onServer), () => JSON.stringify([known(), onServer]), 5000);
});
