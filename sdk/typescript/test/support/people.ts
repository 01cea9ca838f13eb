/** Tom and Jerry, whom a new server knows, with clients that tests can hurry. */

import { WebSocket } from "ws";
import { ChatClient, login, Rest, type ChatOptions } from "../../src/index.js";

export const TOM = 1;
export const JERRY = 2;

/** Waits until it is so; fails with what `state` tells if that takes too long. */
export async function until(is: () => boolean, state: () => string = String, limitMs = 30_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!is()) {
    if (Date.now() > deadline) throw new Error(`it never came to pass: ${state()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export async function tokenOf(server: { url: string }, username: string): Promise<string> {
  return (await login(server.url, { username, password: "password123" })).token;
}

/** REST of one user, by the straight way. */
export async function restOf(server: { url: string }, username: string): Promise<Rest> {
  const token = await tokenOf(server, username);
  return new Rest({ url: server.url, token: () => token });
}

/** A client that notices a dead connection within half a second. */
export function hurried(url: string, token: string, options: Partial<ChatOptions> = {}): ChatClient {
  return new ChatClient({ url, token, WebSocket, answerMs: 400, quietMs: 500, ...options });
}
