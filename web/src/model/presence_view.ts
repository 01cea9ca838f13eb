/**
 * The conversations whose members' presence is requested: the open one, then the rows of the list on the screen. The
 * server sends presence only for these. The only code that sends `view`.
 */

import type { ChatClient } from "chatserver-client";

/** The server's limit for `view`. */
const MAX_VIEWED = 20;
/** Delay before sending: scrolling shows and hides many rows at once. */
const SETTLED_MS = 150;

export class PresenceView {
  #open: number | undefined;
  readonly #rows = new Set<number>();
  #sent = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly client: ChatClient) {}

  /** Sets the open conversation, if there is one. */
  open(id: number | undefined): void {
    this.#open = id;
    this.#send();
  }

  /** Adds a row that is on the screen. Returns a function that removes it. */
  row(id: number): () => void {
    this.#rows.add(id);
    this.#sendSoon();
    return () => {
      this.#rows.delete(id);
      this.#sendSoon();
    };
  }

  #sendSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(), SETTLED_MS);
  }

  #send(): void {
    const open = this.#open === undefined ? [] : [this.#open];
    const ids = [...new Set([...open, ...this.#rows])].slice(0, MAX_VIEWED);
    const viewed = ids.join();
    if (viewed === this.#sent) return;
    this.#sent = viewed;
    this.client.view(ids);
  }
}
