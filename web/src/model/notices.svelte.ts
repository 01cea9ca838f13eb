/** Short messages of the client to the user. */

import { ChatError } from "chatserver-client";
import { reasonOf } from "./reason.js";

export interface Notice {
  id: number;
  text: string;
  kind: "info" | "error";
}

const SHOWN_MS = 6000;
/** Errors that the user has caused on purpose. */
const EXPECTED = new Set(["closed", "discarded"]);

export class Notices {
  list = $state.raw<readonly Notice[]>([]);
  /** The components that can show notices, the topmost last: a dialog makes everything outside of it unreachable. */
  holders = $state.raw<readonly symbol[]>([]);
  #next = 1;

  info(text: string): void {
    this.#add(text, "info");
  }

  /** Shows an error. */
  error(error: unknown): void {
    this.#add(reasonOf(error), "error");
  }

  /** Waits for a request, and shows its error if it fails. */
  async try<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof ChatError && EXPECTED.has(error.code))) this.error(error);
      return undefined;
    }
  }

  /** Shows the notices in another component. Returns a function that ends that. */
  hold(holder: symbol): () => void {
    this.holders = [...this.holders, holder];
    return () => (this.holders = this.holders.filter((one) => one !== holder));
  }

  dismiss(id: number): void {
    this.list = this.list.filter((notice) => notice.id !== id);
  }

  #add(text: string, kind: Notice["kind"]): void {
    const id = this.#next++;
    // A repeated text replaces the earlier notice.
    this.list = [...this.list.filter((notice) => notice.text !== text), { id, text, kind }].slice(-4);
    setTimeout(() => this.dismiss(id), SHOWN_MS);
  }
}
