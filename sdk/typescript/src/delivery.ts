/** Confirms messages that reached this client: after a short delay, in batches, one confirmation at a time. */

import type { Message } from "./protocol.js";

/** Long enough to cover a burst, short enough for the sender not to notice. */
const DELAY_MS = 50;

export interface DeliveryHost {
  /** Returns the `seq` up to which the user's clients have confirmed delivery. */
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

  /** Notes that a message of another user has arrived. */
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
    // Refused if the user may not confirm, or no longer may. Nothing can be done about it.
    await this.#host.confirm(conversationId, seq).catch(() => undefined);
    this.#busy.delete(conversationId);
    if (this.#due.has(conversationId)) this.#timer ??= setTimeout(() => this.#flush(), DELAY_MS);
  }
}
