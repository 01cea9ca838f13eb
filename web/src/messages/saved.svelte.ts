/** Which messages the user has saved. Loaded when a message first wants to know, then followed by the stream. */

import type { ChatClient } from "chatserver-client";
import { SvelteSet } from "svelte/reactivity";

/** Of older ones it is not known here; the list of saved messages has them all. */
const MOST = 200;

export class Saved {
  readonly #ids = new SvelteSet<number>();
  #isAsked = false;

  constructor(readonly client: ChatClient) {
    client.on("saved", ({ message_id, saved }) => (saved ? this.#ids.add(message_id) : this.#ids.delete(message_id)));
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
    this.client.rest.get("/v1/saved", { query: { limit: MOST } }).then(({ messages }) => {
      for (const { id } of messages) this.#ids.add(id);
    }, forget);
  }
}
