/**
 * Stores unaccepted messages in the application's storage, so that they survive the end of the program.
 * Writes one version at a time, and none before the old one was read.
 */

import type { MessageOp } from "./protocol.js";

/** Storage for the outbox, such as a wrapper of `localStorage`; one per user and device. */
export interface OutboxStorage {
  get(key: string): string | null | undefined | Promise<string | null | undefined>;
  set(key: string, value: string): void | Promise<void>;
}

interface Saved {
  /** 0 if the server had not named the user yet. */
  user_id: number;
  ops: MessageOp[];
}

const isOp = (value: unknown): value is MessageOp =>
  typeof value === "object" && value !== null && "op" in value && "client_msg_id" in value;

/** Parses what was stored. Returns an empty outbox if the text is not one. */
export function parseSaved(text: string | null | undefined): Saved {
  const nothing = { user_id: 0, ops: [] };
  if (!text) return nothing;
  try {
    const saved: unknown = JSON.parse(text);
    if (typeof saved !== "object" || saved === null || !("ops" in saved) || !Array.isArray(saved.ops)) return nothing;
    const user = "user_id" in saved && typeof saved.user_id === "number" ? saved.user_id : 0;
    return { user_id: user, ops: saved.ops.filter(isOp) };
  } catch {
    return nothing;
  }
}

export class Outbox {
  readonly #storage: OutboxStorage;
  readonly #key: string;
  readonly #failed: (error: unknown) => void;
  #isDirty = false;
  #work: Promise<void> | undefined;

  constructor(storage: OutboxStorage, key: string, failed: (error: unknown) => void) {
    this.#storage = storage;
    this.#key = key;
    this.#failed = failed;
  }

  /** Reads what an earlier run left. */
  async load(): Promise<Saved> {
    return parseSaved(await this.#storage.get(this.#key));
  }

  /** Stores the result of `current` at the time of writing. Resolves when the newest version is stored. */
  save(current: () => Saved): Promise<void> {
    this.#isDirty = true;
    this.#work ??= this.#write(current);
    return this.#work;
  }

  async #write(current: () => Saved): Promise<void> {
    // Later changes of the same tick go into the same version.
    await Promise.resolve();
    while (this.#isDirty) {
      this.#isDirty = false;
      try {
        await this.#storage.set(this.#key, JSON.stringify(current()));
      } catch (error) {
        this.#failed(error);
      }
    }
    this.#work = undefined;
  }
}
