/** The known messages of one conversation, by `seq`. Knows no conversation and no network. */

import type { Message } from "./protocol.js";
import { SeqRanges } from "./seq-ranges.js";

/** Returns the index of a `seq`, or the index at which it belongs. */
function indexOf(list: readonly Message[], seq: number): number {
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
  /** The ranges in which everything is known: a `seq` missing there is a message hidden for this user. */
  readonly #complete = new SeqRanges();
  #isFollowed = false;
  #windows = new Map<number, readonly Message[]>();
  /** The highest `rev` of all messages that were put. */
  rev = 0;

  /** All known messages, including old ones outside complete ranges. */
  get known(): readonly Message[] {
    return this.#list;
  }

  /** The newest messages without a gap. The same array until something changes. */
  get window(): readonly Message[] {
    const newest = this.#list.at(-1);
    return newest === undefined ? [] : this.around(newest.seq);
  }

  /** Returns the messages around `seq` without a gap; empty if it is unknown. The same array until one changes. */
  around(seq: number): readonly Message[] {
    const range = this.#complete.around(seq);
    if (range === undefined) return [];
    const have = this.#windows.get(range.from);
    if (have !== undefined) return have;
    const found = this.#list.slice(indexOf(this.#list, range.from), indexOf(this.#list, range.to));
    this.#windows.set(range.from, found);
    return found;
  }

  /** Whether everything after `seq` is known. */
  isCompleteAfter(seq: number): boolean {
    return (this.#complete.last?.from ?? Infinity) <= seq + 1;
  }

  find(seq: number): Message | undefined {
    const found = this.#list[indexOf(this.#list, seq)];
    return found?.seq === seq ? found : undefined;
  }

  /** Adds a message if it is new, or newer than the known version. */
  put(message: Message): boolean {
    return this.putAll([message]).length > 0;
  }

  /** Adds all new or newer messages of a page, and returns them. In one step, because inserting moves all after it. */
  putAll(messages: readonly Message[]): Message[] {
    const taken = messages.filter((message) => message.rev > (this.find(message.seq)?.rev ?? -1));
    if (taken.length === 0) return [];
    const seqs = taken.map(({ seq }) => seq);
    const from = indexOf(this.#list, Math.min(...seqs));
    const to = indexOf(this.#list, Math.max(...seqs) + 1);
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

  /** Replaces the known version of a message, whatever its `rev`. */
  replace(message: Message): void {
    const at = indexOf(this.#list, message.seq);
    if (this.#list[at]?.seq !== message.seq) return;
    this.#list[at] = message;
    this.#windows.clear();
  }

  remove(seq: number): void {
    const at = indexOf(this.#list, seq);
    if (this.#list[at]?.seq !== seq) return;
    this.#list.splice(at, 1);
    this.#windows.clear();
  }

  /** Notes that the stream delivers everything from here on. Only the first call counts. */
  follow(seq: number): void {
    if (this.#isFollowed) return;
    this.#isFollowed = true;
    this.#complete.add(seq, Infinity);
    this.#windows.clear();
  }

  /** Notes that a page about to be put contains everything from `from` inclusive to `to` exclusive. */
  complete(from: number, to: number): void {
    this.#complete.add(from, to);
    this.#windows.clear();
  }
}
