/** Tom and Jerry, users of a new server, and clients with short timeouts. */

import { WebSocket } from "ws";
import { ChatClient, login, Rest, type ChatOptions } from "../../src/index.js";

export const TOM = 1;
export const JERRY = 2;

/** Waits until `is` returns `true`. Fails with the text of `state` after `limitMs`. */
export async function until(is: () => boolean, state: () => string = String, limitMs = 30_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!is()) {
    if (Date.now() > deadline) throw new Error(`not true in time: ${state()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export async function tokenOf(server: { url: string }, username: string): Promise<string> {
  return (await login(server.url, { username, password: "password123" })).token;
}

/** Returns a user's REST client, without a proxy. */
export async function restOf(server: { url: string }, username: string): Promise<Rest> {
  const token = await tokenOf(server, username);
  return new Rest({ url: server.url, token: () => token });
}

/** Makes a client that detects a dead connection within half a second. */
export function impatientClient(url: string, token: string, options: Partial<ChatOptions> = {}): ChatClient {
  return new ChatClient({ url, token, WebSocket, answerMs: 400, quietMs: 500, ...options });
}
