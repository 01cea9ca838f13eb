/** The emoji that one used last, on this device. */

import type { Shelf } from "../session/shelf.js";

const NAME = "emoji";
const MAX_RECENT = 24;

export function recentEmoji(shelf: Shelf): string[] {
  const found = shelf.get(NAME);
  return Array.isArray(found) ? found.filter((emoji) => typeof emoji === "string") : [];
}

export function usedEmoji(shelf: Shelf, emoji: string): void {
  shelf.set(NAME, [emoji, ...recentEmoji(shelf).filter((other) => other !== emoji)].slice(0, MAX_RECENT));
}
