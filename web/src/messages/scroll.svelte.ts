/** The scroll position of the message list. Stays at the newest message while the user is there, and moves to goals. */

import type { Message } from "chatserver-client";
import { tick, untrack } from "svelte";
import type { ListHandle } from "../design/virtual.js";
import { later } from "../later/later.svelte.js";
import { indexOf, isMoreThanText, keyOf } from "./rows.js";
import type { Goal, Timeline } from "./timeline.svelte.js";

/** Distance from the end that still counts as being there. */
const AT_END_PX = 40;
/** Distance from the end of the loaded messages at which more are loaded. */
const AHEAD_PX = 2000;
const MARKED_MS = 2000;
const RESTED_MS = 900;
const MIN_FRAMES = 3;
export const MAX_FRAMES = 30;

/** The rows, and whether some were added at the beginning. */
export interface View {
  rows: readonly Message[];
  shift: boolean;
}

export const nextFrame = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => resolve()));

export class Scroll {
  list = $state.raw<ListHandle | undefined>();
  /** Whether the newest message stays in view. */
  isAtEnd = $state(true);
  /** Whether the list has reached its initial position. */
  isSettled = $state(false);
  /** `seq` of the last visible message. */
  seenSeq = $state(0);
  markedSeq = $state<number | undefined>();
  /** `seq` of the first visible row. */
  firstSeq: number | undefined;
  /** Time of the topmost visible message. */
  topAt = $state<string | undefined>();
  /** Whether the user is scrolling, or was a moment ago. */
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

  /** Scrolls a message into view. */
  async reach(goal: Goal): Promise<void> {
    this.isAtEnd = goal.align === "end";
    // Code for attachments, quotes and reactions is loaded first, so that nothing moves after the position was found.
    if (this.view.rows.some(isMoreThanText)) await later.load();
    // New rows have to be rendered first.
    await tick();
    const { rows } = this.view;
    const index = Math.min(indexOf(rows, goal.seq), rows.length - 1);
    if (index >= 0) this.list?.scrollToIndex(index, { align: goal.align });
    if (goal.isMarked) this.#mark(goal.seq);
    await this.#settle();
    this.isSettled = true;
    this.scrolled();
  }

  /** Waits until the list stays in place: rows are measured as they are rendered, which takes a few frames. */
  async #settle(): Promise<void> {
    let last = "";
    for (let frame = 0; frame < MAX_FRAMES; frame += 1) {
      await nextFrame();
      const position = `${this.list?.getScrollOffset()} ${this.list?.getScrollSize()}`;
      if (position === last && frame >= MIN_FRAMES) return;
      last = position;
    }
  }

  #mark(seq: number): void {
    this.markedSeq = seq;
    setTimeout(() => {
      if (this.markedSeq === seq) this.markedSeq = undefined;
    }, MARKED_MS);
  }

  /** Resets the position when another part is shown. */
  restart(): void {
    this.isSettled = false;
    this.#offset = 0;
  }

  /** Handles scrolling, by the user or by code. */
  scrolled(): void {
    const { list } = this;
    if (list === undefined || !this.isSettled) return;
    const offset = list.getScrollOffset();
    const below = list.getScrollSize() - offset - list.getViewportSize();
    if (below <= AT_END_PX) this.isAtEnd = true;
    // Growth below leaves the offset unchanged: only scrolling up leaves the end.
    else if (offset < this.#offset) this.isAtEnd = false;
    if (!this.isAtEnd && offset !== this.#offset) this.#moved();
    this.#offset = offset;
    this.#updateSeen(list, offset);
    if (offset < AHEAD_PX) void this.timeline.loadOlder();
    if (below < AHEAD_PX) void this.timeline.loadNewer();
  }

  #moved(): void {
    this.isMoving = true;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => (this.isMoving = false), RESTED_MS);
  }

  #updateSeen(list: ListHandle, offset: number): void {
    const { rows } = this.view;
    const first = rows[list.findItemIndex(offset)];
    this.firstSeq = first?.seq;
    this.topAt = first?.timestamp;
    const { messages, isNewest } = this.timeline;
    // At the end, messages that are only in threads count as read, too.
    if (this.isAtEnd && isNewest) this.seenSeq = messages.at(-1)?.seq ?? 0;
    else this.seenSeq = rows[list.findItemIndex(offset + list.getViewportSize()) - 1]?.seq ?? 0;
  }

  /** Handles a change in the size of rows or of the list. */
  resized(): void {
    if (this.isAtEnd && this.isSettled) this.toEnd();
    this.scrolled();
  }

  toEnd(): void {
    const { rows } = untrack(() => this.view);
    if (rows.length > 0) this.list?.scrollToIndex(rows.length - 1, { align: "end" });
  }
}
