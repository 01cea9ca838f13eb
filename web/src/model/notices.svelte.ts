/** Short messages of the client itself to the person at the screen. */

import { ChatError } from "chatserver-client";
import { reasonOf } from "./reason.js";

export interface Notice {
  id: number;
  text: string;
  kind: "info" | "error";
}

const SHOWN_MS = 6000;
/** What somebody did on purpose. */
const EXPECTED = new Set(["closed", "discarded"]);

export class Notices {
  list = $state.raw<readonly Notice[]>([]);
  /** Those who can show them, the topmost last: a dialog makes all that is outside of it unreachable. */
  holders = $state.raw<readonly symbol[]>([]);
  #next = 1;

  info(text: string): void {
    this.#add(text, "info");
  }

  /** What went wrong. */
  error(error: unknown): void {
    this.#add(reasonOf(error), "error");
  }

  /** Does something that may be refused; says so if it is. */
  async try<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof ChatError && EXPECTED.has(error.code))) this.error(error);
      return undefined;
    }
  }

  /** From now on they are shown there, until the function that comes back is called. */
  hold(holder: symbol): () => void {
    this.holders = [...this.holders, holder];
    return () => (this.holders = this.holders.filter((one) => one !== holder));
  }

  dismiss(id: number): void {
    this.list = this.list.filter((notice) => notice.id !== id);
  }

  #add(text: string, kind: Notice["kind"]): void {
    const id = this.#next++;
    // The same thing said twice is said once.
    this.list = [...this.list.filter((notice) => notice.text !== text), { id, text, kind }].slice(-4);
    setTimeout(() => this.dismiss(id), SHOWN_MS);
  }
}
