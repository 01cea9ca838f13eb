/** Whom a text that is about to be sent names. Pure. */

import { mentionsOf } from "../text/mentions.js";

export interface Member {
  id: number;
  username: string;
}

export interface Named {
  mentions: number[];
  mention_all: boolean;
}

/** As many as the server takes. */
const MAX_MENTIONS = 100;
/** The sign of a mention, but not within an address or a word. */
const SIGN = /(?<![\p{L}\p{N}_@])@/gu;

/** Whom a text names, found as it will be when the message is shown. */
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
