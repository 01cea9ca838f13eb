/** Confirms what has reached this client: some time after it came, once for many messages, and never twice at a time. */

import type { Message } from "./protocol.js";

/** Long enough for a burst, and short enough for a person. */
const DELAY_MS = 50;

export interface DeliveryHost {
  /** How far the user's clients are already. */
  deliveredSeq(conversationId: number): number;
  confirm(conversationId: number, seq: number): Promise<unknown>;
}

export class Delivery {
  readonly #host: DeliveryHost;
  readonly #due = new Map<number, number>();
  readonly #busy = new Set<number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(host: DeliveryHost) {
    this.#host = host;
  }

  /** A message of somebody else has come. */
  note({ conversation_id, seq }: Message): void {
    this.#due.set(conversation_id, Math.max(seq, this.#due.get(conversation_id) ?? 0));
    this.#timer ??= setTimeout(() => this.#flush(), DELAY_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due.clear();
  }

  #flush(): void {
    this.#timer = undefined;
    for (const [conversationId, seq] of this.#due) {
      if (this.#busy.has(conversationId)) continue;
      this.#due.delete(conversationId);
      if (seq > this.#host.deliveredSeq(conversationId)) void this.#confirm(conversationId, seq);
    }
  }

  async #confirm(conversationId: number, seq: number): Promise<void> {
    this.#busy.add(conversationId);
    // A refusal means that the user may not, or no longer, say so: there is nothing to be done about it.
    await this.#host.confirm(conversationId, seq).catch(() => undefined);
    this.#busy.delete(conversationId);
    if (this.#due.has(conversationId)) this.#timer ??= setTimeout(() => this.#flush(), DELAY_MS);
  }
}
