/** Where the list of messages is scrolled to: kept at the newest message while one is there, and led to goals. */

import type { Message } from "chatserver-client";
import { tick, untrack } from "svelte";
import type { ListHandle } from "../design/virtual.js";
import { later } from "../later/later.svelte.js";
import { indexOf, isMoreThanText, keyOf } from "./rows.js";
import type { Goal, Timeline } from "./timeline.svelte.js";

/** Nearer than that to the end is at the end. */
const AT_END_PX = 40;
/** More is loaded before the end of what is there comes into sight. */
const AHEAD_PX = 2000;
const MARKED_MS = 2000;
const RESTED_MS = 900;
const FEWEST_FRAMES = 3;
export const MOST_FRAMES = 30;

/** The rows, and whether they grew at their beginning. */
export interface View {
  rows: readonly Message[];
  shift: boolean;
}

export const nextFrame = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => resolve()));

export class Scroll {
  list = $state.raw<ListHandle | undefined>();
  /** Whether the newest message is to stay in sight. */
  isAtEnd = $state(true);
  /** Whether the list stands where it was to begin. */
  isSettled = $state(false);
  /** The last message that is in sight. */
  seenSeq = $state(0);
  markedSeq = $state<number | undefined>();
  /** The first row that is in sight. */
  firstSeq: number | undefined;
  /** When the message at the top was written. */
  topAt = $state<string | undefined>();
  /** Whether somebody scrolls, or has a moment ago. */
  isMoving = $state(false);
  #rest: ReturnType<typeof setTimeout> | undefined;
  #offset = 0;
  #keys: { part: number; first: string | undefined; length: number } = { part: 0, first: undefined, length: 0 };

  constructor(readonly timeline: Timeline) {}

  readonly view = $derived.by((): View => {
    const { rows, part, session } = this.timeline;
    const first = rows[0] && keyOf(rows[0], session.chat.me);
    const had = this.#keys;
    this.#keys = { part, first, length: rows.length };
    return { rows, shift: had.part === part && had.length > 0 && had.first !== first };
  });

  /** Brings a message onto the screen. */
  async reach(goal: Goal): Promise<void> {
    this.isAtEnd = goal.align === "end";
    // What is more than text is there before a place is looked for among it: nothing moves once it is seen.
    if (this.view.rows.some(isMoreThanText)) await later.load();
    // Rows that have just been put into the list have to be there first.
    await tick();
    const { rows } = this.view;
    const index = Math.min(indexOf(rows, goal.seq), rows.length - 1);
    if (index >= 0) this.list?.scrollToIndex(index, { align: goal.align });
    if (goal.isMarked) this.#mark(goal.seq);
    await this.#settle();
    this.isSettled = true;
    this.scrolled();
  }

  /** Rows are measured as they come, so that the list may take a few frames to be where it was sent. */
  async #settle(): Promise<void> {
    let stood = "";
    for (let frame = 0; frame < MOST_FRAMES; frame += 1) {
      await nextFrame();
      const stands = `${this.list?.getScrollOffset()} ${this.list?.getScrollSize()}`;
      if (stands === stood && frame >= FEWEST_FRAMES) return;
      stood = stands;
    }
  }

  #mark(seq: number): void {
    this.markedSeq = seq;
    setTimeout(() => {
      if (this.markedSeq === seq) this.markedSeq = undefined;
    }, MARKED_MS);
  }

  /** Another part begins. */
  restart(): void {
    this.isSettled = false;
    this.#offset = 0;
  }

  /** The list was scrolled, by somebody or by itself. */
  scrolled(): void {
    const { list } = this;
    if (list === undefined || !this.isSettled) return;
    const offset = list.getScrollOffset();
    const below = list.getScrollSize() - offset - list.getViewportSize();
    if (below <= AT_END_PX) this.isAtEnd = true;
    // What grows below leaves the offset as it is: only who goes up leaves the end.
    else if (offset < this.#offset) this.isAtEnd = false;
    if (!this.isAtEnd && offset !== this.#offset) this.#moved();
    this.#offset = offset;
    this.#look(list, offset);
    if (offset < AHEAD_PX) void this.timeline.loadOlder();
    if (below < AHEAD_PX) void this.timeline.loadNewer();
  }

  #moved(): void {
    this.isMoving = true;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => (this.isMoving = false), RESTED_MS);
  }

  #look(list: ListHandle, offset: number): void {
    const { rows } = this.view;
    const first = rows[list.findItemIndex(offset)];
    this.firstSeq = first?.seq;
    this.topAt = first?.timestamp;
    const { messages, isNewest } = this.timeline;
    // What is in threads only is read along with what stands around it.
    if (this.isAtEnd && isNewest) this.seenSeq = messages.at(-1)?.seq ?? 0;
    else this.seenSeq = rows[list.findItemIndex(offset + list.getViewportSize()) - 1]?.seq ?? 0;
  }

  /** Rows, or the room for them, have another size. */
  resized(): void {
    if (this.isAtEnd && this.isSettled) this.toEnd();
    this.scrolled();
  }

  toEnd(): void {
    const { rows } = untrack(() => this.view);
    if (rows.length > 0) this.list?.scrollToIndex(rows.length - 1, { align: "end" });
  }
}
