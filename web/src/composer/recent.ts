/** The recently used emoji, on this device. */

import type { UserStorage } from "../session/user_storage.js";

const NAME = "emoji";
const MAX_RECENT = 24;

export function recentEmoji(userStorage: UserStorage): string[] {
  const found = userStorage.get(NAME);
  return Array.isArray(found) ? found.filter((emoji) => typeof emoji === "string") : [];
}

export function usedEmoji(userStorage: UserStorage, emoji: string): void {
  userStorage.set(NAME, [emoji, ...recentEmoji(userStorage).filter((other) => other !== emoji)].slice(0, MAX_RECENT));
}
