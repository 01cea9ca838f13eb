/** Folds long messages. The list stores which ones are unfolded, because rows that scroll away are removed. */

import { getContext, setContext } from "svelte";

const LINES = 40;
const CHARACTERS = 3000;
const KEY = Symbol("unfolded");

export function isLong(text: string): boolean {
  if (text.length > CHARACTERS) return true;
  let lines = 1;
  for (let at = text.indexOf("\n"); at !== -1 && lines <= LINES; at = text.indexOf("\n", at + 1)) lines += 1;
  return lines > LINES;
}

/** The ids of the messages that are shown in full. */
class Unfolded {
  #ids = $state.raw<ReadonlySet<number>>(new Set());

  has(id: number): boolean {
    return this.#ids.has(id);
  }

  toggle(id: number): void {
    const others = [...this.#ids].filter((other) => other !== id);
    this.#ids = new Set(this.has(id) ? others : [...others, id]);
  }
}

/** Must be called by a list of messages. */
export function provideUnfolded(): void {
  setContext(KEY, new Unfolded());
}

export function theUnfolded(): Unfolded {
  return getContext<Unfolded | undefined>(KEY) ?? new Unfolded();
}
