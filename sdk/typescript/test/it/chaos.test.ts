/** With an unreliable network and a server that is killed, nothing is lost, duplicated or reordered. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import type { ChatClient, Conversation, Message, Rest, OutboxStorage } from "../../src/index.js";
import { impatientClient, JERRY, restOf, TOM, tokenOf, until } from "../support/people.js";
import { FAULTS, Proxy } from "../support/proxy.js";
import { seededRandom, type SeededRandom } from "../support/random.js";
import { Server } from "../support/server.js";

const LIMIT_MS = 60_000;

const random: SeededRandom = seededRandom();
let server: Server;
let proxies: Proxy[] = [];
let clients: ChatClient[] = [];

before(async () => {
  server = await Server.start();
});

beforeEach(() => {
  proxies = [];
  clients = [];
});

afterEach(() => {
  for (const client of clients) client.close();
  for (const proxy of proxies) proxy.close();
});

after(() => server?.remove());

/** Starts a client with a proxy of its own. */
async function connectBehindProxy(
  name: string,
  storage?: OutboxStorage,
): Promise<{ client: ChatClient; proxy: Proxy }> {
  const token = await tokenOf(server, name);
  const proxy = await Proxy.listen(() => server.port, random);
  const client = impatientClient(proxy.url, token, { random: () => random.next() * 0.1, ...(storage && { storage }) });
  proxies.push(proxy);
  clients.push(client);
  // Connected before anything happens: what precedes its first connection, a client has to request.
  await client.connect();
  return { client, proxy };
}

function stopFaults(): void {
  for (const proxy of proxies) proxy.stopFaults();
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Whether each proxy has injected every fault at least twice. */
const hasInjectedAll = (): boolean =>
  proxies.every((proxy) => FAULTS.every((fault) => (proxy.injected.get(fault) ?? 0) >= 2));

const injected = (): string => JSON.stringify(proxies.map((proxy) => Object.fromEntries(proxy.injected)));

/** Reads all messages of a conversation, bypassing the proxy. A client has the keys of its own user's messages only. */
async function history(rest: Rest, id: number): Promise<Message[]> {
  const { user_id } = await rest.get("/v1/test-auth");
  const all: Message[] = [];
  for (;;) {
    const query = { after_seq: all.at(-1)?.seq ?? 0, limit: 200 };
    const { messages } = await rest.get("/v1/conversations/{id}/messages", { path: { id }, query });
    if (messages.length === 0) return all;
    all.push(...messages.map((one) => (one.sender_id === user_id ? one : { ...one, client_msg_id: null })));
  }
}

/** Records the messages that a client reports, and those that it reports twice. */
function record(client: ChatClient): { created: Message[]; repeated: string[] } {
  const created: Message[] = [];
  const repeated: string[] = [];
  const revs = new Map<number, number>();
  client.on("message", ({ event, message }) => {
    if (message.rev <= (revs.get(message.id) ?? 0)) repeated.push(`${event} ${message.id} at ${message.rev}`);
    revs.set(message.id, message.rev);
    if (event === "created") created.push(message);
  });
  return { created, repeated };
}

/**
 * Reduces messages to what the stream delivers. `status` follows from receipts and moves no `rev`. Changes of a message
 * that the user has hidden are not sent to a client that was offline, so a quote of it may be outdated.
 */
function comparable(messages: readonly Message[]): unknown[] {
  const known = new Set(messages.map(({ id }) => id));
  return messages.map((message) => {
    const isDelivered = message.reply_to === null || known.has(message.reply_to);
    return { ...message, status: "", quote: isDelivered ? message.quote : null };
  });
}

test("every message arrives exactly once and in order, whatever happens to the connections", async () => {
  const [tom, jerry] = [await connectBehindProxy("tom"), await connectBehindProxy("jerry")];
  const recordings = [record(tom.client), record(jerry.client)];
  const sending: Promise<Message>[] = [];
  const deadline = Date.now() + LIMIT_MS;
  while (sending.length < 150 || !hasInjectedAll()) {
    assert.ok(Date.now() < deadline, `not every fault was injected twice: ${injected()}`);
    sending.push(tom.client.send({ to_user: JERRY, content: `order ${sending.length}` }));
    await pause(random.between(0, 40));
  }
  stopFaults();
  const sent = await Promise.all(sending);
  assert.deepEqual(tom.client.outbox, []);
  const id = sent[0]!.conversation_id;
  await until(() => jerry.client.state.messages(id).at(-1)?.id === sent.at(-1)!.id, injected, LIMIT_MS);

  const written = sent.map((_, n) => `order ${n}`);
  assert.deepEqual(sent.map(({ seq }) => seq), sent.map((_, n) => n + 1), "Tom's order, without gaps");
  for (const { client } of [tom, jerry]) {
    assert.deepEqual(client.state.messages(id).map(({ content }) => content), written);
    assert.deepEqual(client.state.messages(id).map(({ seq }) => seq), sent.map((_, n) => n + 1));
  }
  assert.deepEqual(comparable(jerry.client.state.messages(id)), comparable(await history(await restOf(server, "jerry"), id)));
  assert.deepEqual(recordings.flatMap(({ repeated }) => repeated), []);
  assert.deepEqual(recordings[1]!.created.map(({ content }) => content), written, "reported to Jerry once each, in order");
  console.log(`# ${sent.length} messages through ${injected()}`);
});

/** Makes a random change to a message that the client knows. Refusals by the server are expected. */
function changeAtRandom(client: ChatClient, id: number, n: number): Promise<unknown> {
  const known = client.state.messages(id);
  if (known.length === 0 || random.next() < 0.3) {
    const reply = known.length > 0 && random.next() < 0.5 ? { reply_to: random.pick(known.slice(-10)).id } : {};
    const content = `written ${n} ${"🐭é".repeat(random.between(0, 150))}`;
    return client.send({ conversation_id: id, content, mentions: random.next() < 0.2 ? [JERRY] : [], ...reply });
  }
  const message = random.pick(known.slice(-40));
  const emoji = random.pick(["👍", "🧀", "🐭"]);
  const changes = [
    () => client.edit(message.id, `edited ${n} ${"x".repeat(random.between(0, 50))}`),
    () => client.react(message.id, emoji),
    () => client.react(message.id, emoji),
    () => client.unreact(message.id, emoji),
    () => client.pin(message.id),
    () => client.unpin(message.id),
    () => client.read(id, message.seq),
    () => (random.next() < 0.3 ? client.delete(message.id) : client.edit(message.id, `edited ${n}`)),
    () => (random.next() < 0.3 ? client.delete(message.id, "me") : client.react(message.id, emoji)),
  ];
  return random.pick(changes)();
}

/** Fails unless the client's view of a conversation equals the server's for the same user. */
async function assertAgrees(client: ChatClient, rest: Rest, id: number): Promise<void> {
  assert.deepEqual(comparable(client.state.messages(id)), comparable(await history(rest, id)));
  const onServer: Conversation = await rest.get("/v1/conversations/{id}", { path: { id } });
  const { last_message: newest, ...known } = client.state.conversation(id)!;
  const { last_message: newestOnServer, ...other } = onServer;
  assert.equal(newest?.id, newestOnServer?.id);
  // The conversation's rev grows with every message; frames about it arrive only when it changes itself.
  assert.deepEqual({ ...known, rev: 0 }, { ...other, rev: 0 });
}

test("edits, deletions, reactions, pins and receipts of both sides end in one state", async () => {
  const rest = { tom: await restOf(server, "tom"), jerry: await restOf(server, "jerry") };
  const group = await rest.tom.post("/v1/groups", { body: { name: "Chaos" } });
  await rest.tom.post("/v1/groups/{id}/members", { path: { id: group.id }, body: { user_id: JERRY } });
  const first = await rest.tom.post("/v1/messages/group/{groupID}", { path: { groupID: group.id }, body: { content: "begin" } });
  const id = first.conversation_id;

  const [tom, jerry] = [await connectBehindProxy("tom"), await connectBehindProxy("jerry")];
  const recordings = [record(tom.client), record(jerry.client)];
  const changes: Promise<string>[] = [];
  const deadline = Date.now() + LIMIT_MS;
  while (changes.length < 300 || !hasInjectedAll()) {
    assert.ok(Date.now() < deadline, `not every fault was injected twice: ${injected()}`);
    const change = changeAtRandom(random.pick([tom, jerry]).client, id, changes.length);
    changes.push(change.then(() => "done", (error: { code: string }) => error.code));
    await pause(random.between(0, 30));
  }
  stopFaults();
  const refused = (await Promise.all(changes)).filter((end) => end !== "done");
  // A client that has received this last message has received everything before it.
  const last = await tom.client.send({ conversation_id: id, content: "end" });
  await until(() => clients.every((client) => client.state.message(last.id) !== undefined), injected);
  await jerry.client.read(id, last.seq - 3);
  await tom.client.read(id, last.seq);
  await until(() => jerry.client.state.pointers(id, TOM).read_seq === last.seq);
  await until(() => tom.client.state.pointers(id, JERRY).delivered_seq === last.seq);
  await until(() => jerry.client.state.pointers(id, JERRY).delivered_seq === last.seq);

  await assertAgrees(tom.client, rest.tom, id);
  await assertAgrees(jerry.client, rest.jerry, id);
  assert.deepEqual(recordings.flatMap(({ repeated }) => repeated), []);
  assert.ok(refused.length < changes.length / 2, `most changes are done: ${refused.join()}`);
  console.log(`# ${changes.length} changes, ${refused.length} refused (${[...new Set(refused)].join(", ")}) through ${injected()}`);
});

test("text that is written while connections break is read to the last character", async () => {
  const [tom, jerry] = [await connectBehindProxy("tom"), await connectBehindProxy("jerry")];
  const { id } = await tom.client.send({ to_user: JERRY, content: "", streaming: true });
  let text = "";
  let length = 0;
  for (let n = 0; n < 50; n += 1) {
    const piece = `${n}${random.pick([" ", "🐭", "é", "\n"])}`;
    ({ length } = await tom.client.append(id, length, piece));
    text += piece;
    assert.equal(length, [...text].length);
  }
  stopFaults();
  await tom.client.finish(id);
  await until(() => jerry.client.state.message(id)?.streaming === "finished", injected);
  assert.equal(jerry.client.state.message(id)?.content, text);
  assert.equal(tom.client.state.message(id)?.content, text);
});

test("a server that is killed and restarted loses nothing and duplicates nothing", async () => {
  const [tom, jerry] = [await connectBehindProxy("tom"), await connectBehindProxy("jerry")];
  stopFaults();
  const { repeated } = record(jerry.client);
  const sending: Promise<Message>[] = [];
  for (let round = 0; round < 5; round += 1) {
    const goOn = sending.length + 40;
    while (sending.length < goOn) {
      sending.push(tom.client.send({ to_user: JERRY, content: `crash ${sending.length}` }));
      await pause(random.between(0, 10));
      if (sending.length === goOn - 20) await server.kill();
      if (sending.length === goOn - 5) await server.start();
    }
  }
  const sent = await Promise.all(sending);
  const id = sent[0]!.conversation_id;
  await until(() => jerry.client.state.message(sent.at(-1)!.id) !== undefined, injected);
  for (const client of clients) {
    const contents = client.state.messages(id).map(({ content }) => content).filter((content) => content.startsWith("crash"));
    assert.deepEqual(contents, sent.map((_, n) => `crash ${n}`));
  }
  assert.deepEqual(comparable(jerry.client.state.messages(id)).slice(-sent.length), comparable(await history(await restOf(server, "jerry"), id)).slice(-sent.length));
  assert.deepEqual(repeated, []);
});

test("the outbox survives the program that wrote it and a server outage", async () => {
  const texts = new Map<string, string>();
  const storage = { get: (key: string) => texts.get(key), set: (key: string, text: string) => void texts.set(key, text) };
  const jerry = await connectBehindProxy("jerry");
  const first = await connectBehindProxy("tom", storage);
  stopFaults();
  await server.kill();
  const lost = Array.from({ length: 20 }, (_, n) => first.client.send({ to_user: JERRY, content: `kept ${n}` }));
  await until(() => texts.size > 0 && [...texts.values()][0]!.includes("kept 19"));
  first.client.close();
  assert.ok((await Promise.allSettled(lost)).every(({ status }) => status === "rejected"));

  await server.start();
  const second = await connectBehindProxy("tom", storage);
  stopFaults();
  const last = await second.client.send({ to_user: JERRY, content: "kept 20" });
  await until(() => jerry.client.state.message(last.id) !== undefined, injected);
  const kept = jerry.client.state.messages(last.conversation_id).map(({ content }) => content).filter((content) => content.startsWith("kept"));
  assert.deepEqual(kept, Array.from({ length: 21 }, (_, n) => `kept ${n}`));
  await until(() => !texts.get("chatserver.outbox")!.includes("kept"));
});
