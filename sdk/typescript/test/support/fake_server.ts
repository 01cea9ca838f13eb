/** A client between a fake WebSocket and a fake REST, with a clock that the test moves. */

import { mock } from "node:test";
import { ChatClient, type ChatOptions, type Conversation, type FetchLike, type Message } from "../../src/index.js";
import { fakeSockets, turns, type FakeSocket } from "./fake_socket.js";

export interface Stage {
  client: ChatClient;
  sockets: FakeSocket[];
  /** The paths that were asked for. */
  asked: string[];
  /** What REST has. */
  rest: { conversations: Conversation[]; messages: Message[]; status: number };
  /** Everything that listeners were told, as `event detail`. */
  heard: string[];
  /** The newest connection. */
  socket(): FakeSocket;
  /** Moves the clock and lets everything happen that follows. */
  pass(ms: number): Promise<void>;
}

function fakeFetch(rest: Stage["rest"], asked: string[]): FetchLike {
  return async (url) => {
    const path = url.replace("http://chat.test", "");
    asked.push(path);
    const one = /^\/v1\/messages\/(\d+)$/.exec(path);
    const list = { conversations: rest.conversations, next_cursor: null };
    const body = one === null ? list : rest.messages.find(({ id }) => id === Number(one[1]));
    const { status } = rest;
    return { ok: status < 400, status, headers: { get: () => null }, text: async () => JSON.stringify(body) ?? "" };
  };
}

function listen(client: ChatClient, heard: string[]): void {
  client.on("message", ({ event, message }) => heard.push(`${event} ${message.content}`));
  client.on("append", ({ content }) => heard.push(`append ${content}`));
  client.on("conversation", ({ id }) => heard.push(`conversation ${id}`));
  client.on("receipt", ({ user_id, read_seq }) => heard.push(`receipt ${user_id} ${read_seq}`));
  client.on("hidden", ({ message_id }) => heard.push(`hidden ${message_id}`));
  client.on("typing", ({ user_id }) => heard.push(`typing ${user_id}`));
  client.on("live", () => heard.push("live"));
  client.on("resync", () => heard.push("resync"));
  client.on("status", ({ status }) => heard.push(`status ${status}`));
  client.on("error", (error) => heard.push(`error ${error.message}`));
}

export function stage(options: Partial<ChatOptions> = {}): Stage {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const { WebSocket, sockets } = fakeSockets();
  const asked: string[] = [];
  const heard: string[] = [];
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
  listen(client, heard);
  const pass = async (ms: number): Promise<void> => {
    await turns();
    mock.timers.tick(ms);
    await turns();
  };
  return { client, sockets, asked, rest, heard, socket: () => sockets.at(-1)!, pass };
}

/** A stage whose client is live. */
export async function liveStage(options: Partial<ChatOptions> = {}): Promise<Stage> {
  const set = stage(options);
  const connected = set.client.connect();
  await turns();
  set.socket().greets();
  set.socket().says({ type: "live", cursor: "c1" });
  await connected;
  set.heard.length = 0;
  set.asked.length = 0;
  return set;
}
