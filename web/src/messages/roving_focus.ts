/** Moves the focus from message to message in a list, also to those that are not rendered yet. */

import type { Message } from "chatserver-client";
import { tick } from "svelte";
import type { Writing } from "../composer/writing.svelte.js";
import { destination, isMenuKey } from "./keys.js";
import { MAX_FRAMES, nextFrame, type Scroll } from "./scroll.svelte.js";

export interface FocusContext {
  rows: readonly Message[];
  /** Index of the row that has, or last had, the focus. */
  at: number;
  scroll: Scroll;
  scroller: HTMLElement | undefined;
  /** The composer that Escape leads to. */
  writing: Writing | undefined;
  /** Keeps a row rendered while it is out of view; `undefined` ends that. */
  mount: (index: number | undefined) => void;
}

/** Handles a key, if it moves the focus or opens a menu. */
export async function moveFocus(event: KeyboardEvent, context: FocusContext): Promise<void> {
  const row = event.target as HTMLElement;
  if (row.dataset["message"] === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  const to = destination(event.key, context.at, context.rows.length, rowsInSight(context.scroll));
  if (to !== undefined) {
    event.preventDefault();
    await focus(to, context);
  } else if (isMenuKey(event)) {
    event.preventDefault();
    await tick();
    row.querySelector<HTMLElement>("[data-more]")?.click();
  } else if (event.key === "Escape" && context.writing !== undefined) context.writing.focusCount += 1;
}

function rowsInSight({ list }: Scroll): number {
  if (list === undefined) return 0;
  const top = list.getScrollOffset();
  return list.findItemIndex(top + list.getViewportSize()) - list.findItemIndex(top);
}

async function focus(index: number, { rows, scroll, scroller, mount }: FocusContext): Promise<void> {
  const message = rows[index];
  if (message === undefined) return;
  mount(index);
  scroll.list?.scrollToIndex(index, { align: "nearest" });
  await tick();
  // A row can't be focused before it was measured.
  for (let frame = 0; frame < MAX_FRAMES; frame += 1) {
    const row = scroller?.querySelector<HTMLElement>(`[data-message="${message.id}"]`);
    row?.focus({ preventScroll: true });
    if (row !== undefined && document.activeElement === row) break;
    await nextFrame();
  }
  mount(undefined);
}
