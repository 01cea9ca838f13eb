/**
 * Who is looked at: the conversation that is open, then the rows of the list that are on the screen. The server tells the
 * presence of those alone. The one place that says `view`.
 */

import type { ChatClient } from "chatserver-client";

/** Contract of `view`. */
const MOST = 20;
/** A list that is scrolled shows and hides many rows in a moment. */
const SETTLED_MS = 150;

export class Looking {
  #open: number | undefined;
  readonly #rows = new Set<number>();
  #told = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly client: ChatClient) {}

  /** The conversation that is open, if one is. */
  open(id: number | undefined): void {
    this.#open = id;
    this.#tell();
  }

  /** A row is on the screen, until the function that comes back is called. */
  row(id: number): () => void {
    this.#rows.add(id);
    this.#tellSoon();
    return () => {
      this.#rows.delete(id);
      this.#tellSoon();
    };
  }

  #tellSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell(), SETTLED_MS);
  }

  #tell(): void {
    const open = this.#open === undefined ? [] : [this.#open];
    const ids = [...new Set([...open, ...this.#rows])].slice(0, MOST);
    const told = ids.join();
    if (told === this.#told) return;
    this.#told = told;
    this.client.view(ids);
  }
}
