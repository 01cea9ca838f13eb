/** The user's saved messages. Loaded on first use, then updated by the stream. */

import type { ChatClient } from "chatserver-client";

/** Number of messages loaded. For older ones the mark is missing here, but the list of saved messages has them all. */
const LIMIT = 200;

export class Saved {
  #ids = $state.raw<ReadonlySet<number>>(new Set());
  #isAsked = false;

  constructor(readonly client: ChatClient) {
    client.on("saved", ({ message_id, saved }) => {
      const others = [...this.#ids].filter((id) => id !== message_id);
      this.#ids = new Set(saved ? [...others, message_id] : others);
    });
    client.on("resync", () => (this.#isAsked = false));
  }

  has(id: number): boolean {
    this.#load();
    return this.#ids.has(id);
  }

  #load(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    const forget = (): void => void (this.#isAsked = false);
    this.client.rest.get("/v1/saved", { query: { limit: LIMIT, lean: 1 } }).then(({ messages }) => {
      this.#ids = new Set([...this.#ids, ...messages.map(({ id }) => id)]);
    }, forget);
  }
}
