/** The keyboard moves from message to message in a list, also to those that are not there as elements yet. */

import type { Message } from "chatserver-client";
import { tick } from "svelte";
import type { Writing } from "../composer/writing.svelte.js";
import { destination, isMenuKey } from "./keys.js";
import { MOST_FRAMES, nextFrame, type Scroll } from "./scroll.svelte.js";

export interface Ground {
  rows: readonly Message[];
  /** The index of the row that has the focus, or had it. */
  at: number;
  scroll: Scroll;
  scroller: HTMLElement | undefined;
  /** Where Escape leads. */
  writing: Writing | undefined;
  /** Has a row be there that is out of sight; none, for `undefined`. */
  keep: (index: number | undefined) => void;
}

/** Goes where the key leads, if it leads anywhere. */
export async function walk(event: KeyboardEvent, ground: Ground): Promise<void> {
  const row = event.target as HTMLElement;
  if (row.dataset["message"] === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  const to = destination(event.key, ground.at, ground.rows.length, rowsInSight(ground.scroll));
  if (to !== undefined) {
    event.preventDefault();
    await focus(to, ground);
  } else if (isMenuKey(event)) {
    event.preventDefault();
    await tick();
    row.querySelector<HTMLElement>("[data-more]")?.click();
  } else if (event.key === "Escape" && ground.writing !== undefined) ground.writing.wanted += 1;
}

function rowsInSight({ list }: Scroll): number {
  if (list === undefined) return 0;
  const top = list.getScrollOffset();
  return list.findItemIndex(top + list.getViewportSize()) - list.findItemIndex(top);
}

async function focus(index: number, { rows, scroll, scroller, keep }: Ground): Promise<void> {
  const message = rows[index];
  if (message === undefined) return;
  keep(index);
  scroll.list?.scrollToIndex(index, { align: "nearest" });
  await tick();
  // A row takes no focus before it was measured.
  for (let frame = 0; frame < MOST_FRAMES; frame += 1) {
    const row = scroller?.querySelector<HTMLElement>(`[data-message="${message.id}"]`);
    row?.focus({ preventScroll: true });
    if (row !== undefined && document.activeElement === row) break;
    await nextFrame();
  }
  keep(undefined);
}
