/** The known messages of one conversation, ordered by seq. Knows no conversation and no network. */

import type { Message } from "./protocol.js";
import { Stretches } from "./stretches.js";

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
  /** Where everything there is, is known: a seq that is missing there is a message hidden for oneself. */
  readonly #complete = new Stretches();
  #isFollowed = false;
  #windows = new Map<number, readonly Message[]>();
  /** The highest `rev` of all that has been put. */
  rev = 0;

  /** All that is known, older messages that stand alone included. */
  get known(): readonly Message[] {
    return this.#list;
  }

  /** The newest stretch without a hole; the same array until something changes. */
  get window(): readonly Message[] {
    const newest = this.#list.at(-1);
    return newest === undefined ? [] : this.stretch(newest.seq);
  }

  /** The stretch without a hole that a seq is in; empty if it is not known; the same array until something changes. */
  stretch(seq: number): readonly Message[] {
    const around = this.#complete.around(seq);
    if (around === undefined) return [];
    const have = this.#windows.get(around.from);
    if (have !== undefined) return have;
    const found = this.#list.slice(position(this.#list, around.from), position(this.#list, around.to));
    this.#windows.set(around.from, found);
    return found;
  }

  /** Whether everything after `seq` is known. */
  isCompleteAfter(seq: number): boolean {
    return (this.#complete.last?.from ?? Infinity) <= seq + 1;
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
    if (!isKnown) this.#complete.add(message.seq, message.seq + 1);
    this.rev = Math.max(this.rev, message.rev);
    this.#windows.clear();
    return true;
  }

  /** Takes those of a page that are new or newer, and tells which. Put one by one, each would move all behind it. */
  putAll(messages: readonly Message[]): Message[] {
    const taken = messages.filter((message) => message.rev > (this.find(message.seq)?.rev ?? -1));
    if (taken.length === 0) return [];
    const seqs = taken.map(({ seq }) => seq);
    const from = position(this.#list, Math.min(...seqs));
    const to = position(this.#list, Math.max(...seqs) + 1);
    const between = new Map(this.#list.slice(from, to).map((message) => [message.seq, message]));
    for (const message of taken) {
      if (message.rev > (between.get(message.seq)?.rev ?? -1)) between.set(message.seq, message);
      if (this.#complete.around(message.seq) === undefined) this.#complete.add(message.seq, message.seq + 1);
      this.rev = Math.max(this.rev, message.rev);
    }
    this.#list.splice(from, to - from, ...[...between.values()].sort((a, b) => a.seq - b.seq));
    this.#windows.clear();
    return taken.filter((message) => between.get(message.seq) === message);
  }

  /** Puts a message in the place of what is known of it, however new that is. */
  replace(message: Message): void {
    const at = position(this.#list, message.seq);
    if (this.#list[at]?.seq !== message.seq) return;
    this.#list[at] = message;
    this.#windows.clear();
  }

  remove(seq: number): void {
    const at = position(this.#list, seq);
    if (this.#list[at]?.seq !== seq) return;
    this.#list.splice(at, 1);
    this.#windows.clear();
  }

  /** Notes that the stream tells everything from here on, unless it is known from earlier on. */
  follow(seq: number): void {
    if (this.#isFollowed) return;
    this.#isFollowed = true;
    this.#complete.add(seq, Infinity);
    this.#windows.clear();
  }

  /** Notes that a page about to be put holds everything from `from` to just before `to`. */
  complete(from: number, to: number): void {
    this.#complete.add(from, to);
    this.#windows.clear();
  }
}
