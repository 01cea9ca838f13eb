/** Loads the emoji when they are first needed. They belong to the page, not to a user. */

import { parsed, type EmojiGroups } from "./emoji.js";

let loading: Promise<EmojiGroups> | undefined;

export function loadEmoji(): Promise<EmojiGroups> {
  loading ??= import("virtual:emoji").then(({ default: groups }) => groups.map(parsed));
  loading.catch(() => (loading = undefined));
  return loading;
}
