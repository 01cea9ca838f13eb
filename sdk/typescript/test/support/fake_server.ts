/** A client between a fake WebSocket and a fake REST API, with a clock that the test moves. */

import { mock } from "node:test";
import { ChatClient, type ChatOptions, type Conversation, type FetchLike, type Message } from "../../src/index.js";
import { fakeSockets, turns, type FakeSocket } from "./fake_socket.js";

export interface Fixture {
  client: ChatClient;
  sockets: FakeSocket[];
  /** The requested paths. */
  asked: string[];
  /** The content of the fake REST API. */
  rest: { conversations: Conversation[]; messages: Message[]; status: number };
  /** Everything that listeners received, as `event detail`. */
  events: string[];
  /** Returns the newest connection. */
  socket(): FakeSocket;
  /** Moves the clock, and lets everything that follows happen. */
  pass(ms: number): Promise<void>;
}

function fakeFetch(rest: Fixture["rest"], asked: string[]): FetchLike {
  return async (url) => {
    const path = url.replace("http://chat.test", "");
    asked.push(path);
    const one = /^\/v1\/messages\/(\d+)$/.exec(path);
    const conversation = /^\/v1\/conversations\/(\d+)$/.exec(path);
    const list = { conversations: rest.conversations, next_cursor: null };
    const body =
      conversation !== null ? rest.conversations.find(({ id }) => id === Number(conversation[1]))
      : one === null ? list
      : rest.messages.find(({ id }) => id === Number(one[1]));
    const { status } = rest;
    return { ok: status < 400, status, headers: { get: () => null }, text: async () => JSON.stringify(body) ?? "" };
  };
}

function listen(client: ChatClient, events: string[]): void {
  client.on("message", ({ event, message }) => events.push(`${event} ${message.content}`));
  client.on("append", ({ content }) => events.push(`append ${content}`));
  client.on("conversation", ({ id }) => events.push(`conversation ${id}`));
  client.on("receipt", ({ user_id, read_seq }) => events.push(`receipt ${user_id} ${read_seq}`));
  client.on("hidden", ({ message_id }) => events.push(`hidden ${message_id}`));
  client.on("typing", ({ user_id }) => events.push(`typing ${user_id}`));
  client.on("live", () => events.push("live"));
  client.on("resync", () => events.push("resync"));
  client.on("status", ({ status }) => events.push(`status ${status}`));
  client.on("error", (error) => events.push(`error ${error.message}`));
}

export function newFixture(options: Partial<ChatOptions> = {}): Fixture {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const { WebSocket, sockets } = fakeSockets();
  const asked: string[] = [];
  const events: string[] = [];
  const rest = { conversations: [], messages: [], status: 200 };
  const client = new ChatClient({
    url: "http://chat.test",
    ...(options.getToken === undefined ? { token: "t0" } : {}),
    fetch: fakeFetch(rest, asked),
    WebSocket,
    now: () => Date.now(),
    random: () => 0.5,
    ...options,
  });
  listen(client, events);
  const pass = async (ms: number): Promise<void> => {
    await turns();
    mock.timers.tick(ms);
    await turns();
  };
  return { client, sockets, asked, rest, events, socket: () => sockets.at(-1)!, pass };
}

/** Makes a fixture whose client is live. */
export async function liveFixture(options: Partial<ChatOptions> = {}): Promise<Fixture> {
  const fixture = newFixture(options);
  const connected = fixture.client.connect();
  await turns();
  fixture.socket().greets();
  fixture.socket().says({ type: "live", cursor: "c1" });
  await connected;
  fixture.events.length = 0;
  fixture.asked.length = 0;
  return fixture;
}
