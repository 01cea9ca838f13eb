/** The known messages of one conversation, ordered by seq. Knows no conversation and no network. */

import type { Message } from "./protocol.js";

/** Where a seq is or belongs. */
function position(list: readonly Message[], seq: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]!.seq < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class Timeline {
  readonly #list: Message[] = [];
  /** From here on everything there is, is known: a missing seq is a message hidden for oneself, not one to be loaded. */
  #floor = Infinity;
  #window: readonly Message[] | undefined;
  /** The highest `rev` of all that has been put. */
  rev = 0;

  /** All that is known, older messages that stand alone included. */
  get known(): readonly Message[] {
    return this.#list;
  }

  /** The newest stretch without a hole; the same array until something changes. */
  get window(): readonly Message[] {
    return (this.#window ??= this.#list.slice(this.#start()));
  }

  #start(): number {
    let start = this.#list.length;
    let next: number | undefined;
    while (start > 0) {
      const { seq } = this.#list[start - 1]!;
      if (next !== undefined && seq < this.#floor && seq !== next - 1) break;
      start -= 1;
      next = seq;
    }
    return start;
  }

  /** Whether everything after `seq` is known. */
  isCompleteAfter(seq: number): boolean {
    return Math.min(this.#floor, this.window[0]?.seq ?? Infinity) <= seq + 1;
  }

  find(seq: number): Message | undefined {
    const found = this.#list[position(this.#list, seq)];
    return found?.seq === seq ? found : undefined;
  }

  /** Takes a message if it is new or newer. */
  put(message: Message): boolean {
    const at = position(this.#list, message.seq);
    const have = this.#list[at];
    const isKnown = have?.seq === message.seq;
    if (isKnown && message.rev <= have.rev) return false;
    this.#list.splice(at, isKnown ? 1 : 0, message);
    this.rev = Math.max(this.rev, message.rev);
    this.#window = undefined;
    return true;
  }

  /** Puts a message in the place of what is known of it, however new that is. */
  replace(message: Message): void {
    const at = position(this.#list, message.seq);
    if (this.#list[at]?.seq !== message.seq) return;
    this.#list[at] = message;
    this.#window = undefined;
  }

  remove(seq: number): void {
    const at = position(this.#list, seq);
    if (this.#list[at]?.seq !== seq) return;
    // What is above it is no less complete than before.
    this.#floor = Math.min(this.#floor, this.window[0]?.seq ?? seq);
    this.#list.splice(at, 1);
    this.#window = undefined;
  }

  /** Notes that the stream tells everything from here on, unless it is known from earlier on. */
  follow(seq: number): void {
    if (this.#floor === Infinity) this.#floor = seq;
  }

  /** Notes that a page about to be put holds everything from `from` to just before `to`; it counts if it meets the window. */
  complete(from: number, to: number): void {
    if (to < (this.window[0]?.seq ?? this.#floor)) return;
    this.#floor = Math.min(this.#floor, from);
    this.#window = undefined;
  }
}
