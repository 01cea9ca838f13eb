/** Over a network that cannot be relied on, and a server that is killed: nothing is lost, doubled or out of order. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import type { ChatClient, Conversation, Message, Rest, OutboxStorage } from "../../src/index.js";
import { hurried, JERRY, restOf, TOM, tokenOf, until } from "../support/people.js";
import { FATES, Proxy } from "../support/proxy.js";
import { chance, type Chance } from "../support/random.js";
import { Server } from "../support/server.js";

const LIMIT_MS = 60_000;

const random: Chance = chance();
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

/** A client behind a network of its own. */
async function behindProxy(name: string, storage?: OutboxStorage): Promise<{ client: ChatClient; proxy: Proxy }> {
  const token = await tokenOf(server, name);
  const proxy = await Proxy.listen(() => server.port, random);
  const client = hurried(proxy.url, token, { random: () => random.next() * 0.1, ...(storage && { storage }) });
  proxies.push(proxy);
  clients.push(client);
  // Ready before anything happens: what was there before its first connection a client has to ask for.
  await client.connect();
  return { client, proxy };
}

function calm(): void {
  for (const proxy of proxies) proxy.calm();
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Each network has ended connections in every way, and more than once. */
const hasMetAll = (): boolean => proxies.every((proxy) => FATES.every((fate) => (proxy.met.get(fate) ?? 0) >= 2));

const met = (): string => JSON.stringify(proxies.map((proxy) => Object.fromEntries(proxy.met)));

/** All messages of a conversation, by the straight way. */
async function history(rest: Rest, id: number): Promise<Message[]> {
  const all: Message[] = [];
  for (;;) {
    const query = { after_seq: all.at(-1)?.seq ?? 0, limit: 200 };
    const { messages } = await rest.get("/v1/conversations/{id}/messages", { path: { id }, query });
    if (messages.length === 0) return all;
    all.push(...messages);
  }
}

/** Notes what a client tells, and that nothing is told twice. */
function journal(client: ChatClient): { created: Message[]; doubles: string[] } {
  const created: Message[] = [];
  const doubles: string[] = [];
  const revs = new Map<number, number>();
  client.on("message", ({ event, message }) => {
    if (message.rev <= (revs.get(message.id) ?? 0)) doubles.push(`${event} ${message.id} at ${message.rev}`);
    revs.set(message.id, message.rev);
    if (event === "created") created.push(message);
  });
  return { created, doubles };
}

/**
 * What the stream tells: `status` follows from receipts and moves no `rev`, and what becomes of a message that one has
 * hidden is not told to whoever was away, so that a quote of it may be an old one.
 */
function lasting(messages: readonly Message[]): unknown[] {
  const known = new Set(messages.map(({ id }) => id));
  return messages.map((message) => {
    const isTold = message.reply_to === null || known.has(message.reply_to);
    return { ...message, status: "", quote: isTold ? message.quote : null };
  });
}

test("every message arrives exactly once and in order, whatever happens to the connections", async () => {
  const [tom, jerry] = [await behindProxy("tom"), await behindProxy("jerry")];
  const journals = [journal(tom.client), journal(jerry.client)];
  const sending: Promise<Message>[] = [];
  const deadline = Date.now() + LIMIT_MS;
  while (sending.length < 150 || !hasMetAll()) {
    assert.ok(Date.now() < deadline, `not every fate was met twice: ${met()}`);
    sending.push(tom.client.send({ to_user: JERRY, content: `order ${sending.length}` }));
    await pause(random.between(0, 40));
  }
  calm();
  const sent = await Promise.all(sending);
  assert.deepEqual(tom.client.outbox, []);
  const id = sent[0]!.conversation_id;
  await until(() => jerry.client.state.messages(id).at(-1)?.id === sent.at(-1)!.id, met, LIMIT_MS);

  const written = sent.map((_, n) => `order ${n}`);
  assert.deepEqual(sent.map(({ seq }) => seq), sent.map((_, n) => n + 1), "Tom's order, without gaps");
  for (const { client } of [tom, jerry]) {
    assert.deepEqual(client.state.messages(id).map(({ content }) => content), written);
    assert.deepEqual(client.state.messages(id).map(({ seq }) => seq), sent.map((_, n) => n + 1));
  }
  assert.deepEqual(lasting(jerry.client.state.messages(id)), lasting(await history(await restOf(server, "jerry"), id)));
  assert.deepEqual(journals.flatMap(({ doubles }) => doubles), []);
  assert.deepEqual(journals[1]!.created.map(({ content }) => content), written, "told to Jerry once each, in order");
  console.log(`# ${sent.length} messages through ${met()}`);
});

/** Does something at random to a message that the client knows; what the server refuses is no matter. */
function meddle(client: ChatClient, id: number, n: number): Promise<unknown> {
  const known = client.state.messages(id);
  if (known.length === 0 || random.next() < 0.3) {
    const reply = known.length > 0 && random.next() < 0.5 ? { reply_to: random.pick(known.slice(-10)).id } : {};
    const content = `meddled ${n} ${"🐭é".repeat(random.between(0, 150))}`;
    return client.send({ conversation_id: id, content, mentions: random.next() < 0.2 ? [JERRY] : [], ...reply });
  }
  const message = random.pick(known.slice(-40));
  const emoji = random.pick(["👍", "🧀", "🐭"]);
  const deeds = [
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
  return random.pick(deeds)();
}

/** Fails unless what a client knows of a conversation is what the server tells the same user. */
async function agrees(client: ChatClient, rest: Rest, id: number): Promise<void> {
  assert.deepEqual(lasting(client.state.messages(id)), lasting(await history(rest, id)));
  const told: Conversation = await rest.get("/v1/conversations/{id}", { path: { id } });
  const { last_message: newest, ...known } = client.state.conversation(id)!;
  const { last_message: newestTold, ...other } = told;
  assert.equal(newest?.id, newestTold?.id);
  // The conversation's rev grows with every message; the frames about it come only when it changes itself.
  assert.deepEqual({ ...known, rev: 0 }, { ...other, rev: 0 });
}

test("edits, deletions, reactions, pins and receipts of both sides end in one state", async () => {
  const straight = { tom: await restOf(server, "tom"), jerry: await restOf(server, "jerry") };
  const group = await straight.tom.post("/v1/groups", { body: { name: "Chaos" } });
  await straight.tom.post("/v1/groups/{id}/members", { path: { id: group.id }, body: { user_id: JERRY } });
  const first = await straight.tom.post("/v1/messages/group/{groupID}", { path: { groupID: group.id }, body: { content: "begin" } });
  const id = first.conversation_id;

  const [tom, jerry] = [await behindProxy("tom"), await behindProxy("jerry")];
  const journals = [journal(tom.client), journal(jerry.client)];
  const deeds: Promise<string>[] = [];
  const deadline = Date.now() + LIMIT_MS;
  while (deeds.length < 300 || !hasMetAll()) {
    assert.ok(Date.now() < deadline, `not every fate was met twice: ${met()}`);
    const deed = meddle(random.pick([tom, jerry]).client, id, deeds.length);
    deeds.push(deed.then(() => "done", (error: { code: string }) => error.code));
    await pause(random.between(0, 30));
  }
  calm();
  const refused = (await Promise.all(deeds)).filter((end) => end !== "done");
  // Whoever was told of this last message has everything before it.
  const last = await tom.client.send({ conversation_id: id, content: "end" });
  await until(() => clients.every((client) => client.state.message(last.id) !== undefined), met);
  await jerry.client.read(id, last.seq - 3);
  await tom.client.read(id, last.seq);
  await until(() => jerry.client.state.pointers(id, TOM).read_seq === last.seq);
  await until(() => tom.client.state.pointers(id, JERRY).delivered_seq === last.seq);
  await until(() => jerry.client.state.pointers(id, JERRY).delivered_seq === last.seq);

  await agrees(tom.client, straight.tom, id);
  await agrees(jerry.client, straight.jerry, id);
  assert.deepEqual(journals.flatMap(({ doubles }) => doubles), []);
  assert.ok(refused.length < deeds.length / 2, `most deeds are done: ${refused.join()}`);
  console.log(`# ${deeds.length} deeds, ${refused.length} refused (${[...new Set(refused)].join(", ")}) through ${met()}`);
});

test("text that is written while connections break is read to the last character", async () => {
  const [tom, jerry] = [await behindProxy("tom"), await behindProxy("jerry")];
  const { id } = await tom.client.send({ to_user: JERRY, content: "", streaming: true });
  let text = "";
  let length = 0;
  for (let n = 0; n < 50; n += 1) {
    const piece = `${n}${random.pick([" ", "🐭", "é", "\n"])}`;
    ({ length } = await tom.client.append(id, length, piece));
    text += piece;
    assert.equal(length, [...text].length);
  }
  calm();
  await tom.client.finish(id);
  await until(() => jerry.client.state.message(id)?.streaming === "finished", met);
  assert.equal(jerry.client.state.message(id)?.content, text);
  assert.equal(tom.client.state.message(id)?.content, text);
});

test("a server that is killed and comes back loses nothing and doubles nothing", async () => {
  const [tom, jerry] = [await behindProxy("tom"), await behindProxy("jerry")];
  calm();
  const { doubles } = journal(jerry.client);
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
  await until(() => jerry.client.state.message(sent.at(-1)!.id) !== undefined, met);
  for (const client of clients) {
    const contents = client.state.messages(id).map(({ content }) => content).filter((content) => content.startsWith("crash"));
    assert.deepEqual(contents, sent.map((_, n) => `crash ${n}`));
  }
  assert.deepEqual(lasting(jerry.client.state.messages(id)).slice(-sent.length), lasting(await history(await restOf(server, "jerry"), id)).slice(-sent.length));
  assert.deepEqual(doubles, []);
});

test("the outbox outlives the program that wrote it, over a server that was away", async () => {
  const texts = new Map<string, string>();
  const storage = { get: (key: string) => texts.get(key), set: (key: string, text: string) => void texts.set(key, text) };
  const jerry = await behindProxy("jerry");
  const first = await behindProxy("tom", storage);
  calm();
  await server.kill();
  const lost = Array.from({ length: 20 }, (_, n) => first.client.send({ to_user: JERRY, content: `kept ${n}` }));
  await until(() => texts.size > 0 && [...texts.values()][0]!.includes("kept 19"));
  first.client.close();
  assert.ok((await Promise.allSettled(lost)).every(({ status }) => status === "rejected"));

  await server.start();
  const second = await behindProxy("tom", storage);
  calm();
  const last = await second.client.send({ to_user: JERRY, content: "kept 20" });
  await until(() => jerry.client.state.message(last.id) !== undefined, met);
  const kept = jerry.client.state.messages(last.conversation_id).map(({ content }) => content).filter((content) => content.startsWith("kept"));
  assert.deepEqual(kept, Array.from({ length: 21 }, (_, n) => `kept ${n}`));
  await until(() => !texts.get("chatserver.outbox")!.includes("kept"));
});
