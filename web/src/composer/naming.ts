/** Finds the mentions in a text before it is sent. Pure. */

import { mentionsOf } from "../text/mentions.js";

export interface Member {
  id: number;
  username: string;
}

export interface Named {
  mentions: number[];
  mention_all: boolean;
}

/** The server's limit. */
const MAX_MENTIONS = 100;
/** The sign of a mention, outside addresses and words. */
const SIGN = /(?<![\p{L}\p{N}_@])@/gu;

/** Returns the users that a text mentions, found in the same way as when the message is displayed. */
export function mentionsIn(text: string, members: readonly Member[]): Named {
  if (members.length === 0) return { mentions: [], mention_all: false };
  const named = members.map(({ id, username }) => ({ id, name: username }));
  const mentionAt = mentionsOf(named, true);
  const users = [...text.matchAll(SIGN)].map(({ index }) => mentionAt(text, index)?.user);
  return {
    mentions: [...new Set(users.filter((user) => typeof user === "number"))].slice(0, MAX_MENTIONS),
    mention_all: users.includes("all"),
  };
}
