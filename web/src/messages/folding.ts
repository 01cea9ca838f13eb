/** Long messages are folded. Which ones were unfolded is kept by the list, because a message that scrolls away is taken down. */

import { getContext, setContext } from "svelte";
import { SvelteSet } from "svelte/reactivity";

const LINES = 40;
const CHARACTERS = 3000;
const KEY = Symbol("unfolded");

export function isLong(text: string): boolean {
  if (text.length > CHARACTERS) return true;
  let lines = 1;
  for (let at = text.indexOf("\n"); at !== -1 && lines <= LINES; at = text.indexOf("\n", at + 1)) lines += 1;
  return lines > LINES;
}

/** To be called by a list of messages. */
export function provideUnfolded(): void {
  setContext(KEY, new SvelteSet<number>());
}

/** The ids of the messages that are shown in full. */
export function theUnfolded(): SvelteSet<number> {
  return getContext<SvelteSet<number> | undefined>(KEY) ?? new SvelteSet();
}
