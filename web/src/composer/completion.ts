/** The suggestions for a name after `@` or a word after `:`. Pure. */

import { findByName } from "../text/finding.js";
import { EVERYBODY } from "../text/mentions.js";
import type { Emoji } from "./emoji.js";
import type { Member } from "./naming.js";

/** The word before the caret that asks for suggestions. */
export interface Trigger {
  kind: "mention" | "emoji";
  query: string;
  /** Index of its sign in the text. */
  from: number;
  to: number;
}

export interface Option {
  key: string;
  /** Text that replaces the word. */
  text: string;
  label: string;
  emoji?: string;
  /** Id of the mentioned user; 0 for all members. */
  user?: number;
}

const MAX_OPTIONS = 8;
const MENTION = /(?:^|[^\p{L}\p{N}_@])@([^\s@]{0,32})$/u;
const EMOJI = /(?:^|[\s(])(?::)([\p{L}\p{N}_+-]{2,32})$/u;
const ALL = "all";
/** Words that mention all members. */
const ALL_WORDS = [...EVERYBODY, "here"];

export function triggerAt(text: string, caret: number): Trigger | undefined {
  const before = text.slice(Math.max(0, caret - 64), caret);
  for (const [kind, pattern] of [
    ["mention", MENTION],
    ["emoji", EMOJI],
  ] as const) {
    const query = pattern.exec(before)?.[1];
    if (query !== undefined) return { kind, query, from: caret - query.length - 1, to: caret };
  }
  return undefined;
}

/**
 * Returns the members with a word in their name that begins with the query, those whose name begins with it first.
 * The option for all members is the first if the query is one of its words.
 */
export function mentionOptions(query: string, members: readonly Member[], allLabel: string): Option[] {
  const byName = members.toSorted((a, b) => a.username.localeCompare(b.username));
  const found = findByName(byName, query, ({ username }) => username).map(({ id, username }) => {
    return { key: `u${id}`, text: `@${username} `, label: username, user: id };
  });
  const all = { key: ALL, text: `@${ALL} `, label: allLabel, user: 0 };
  const asked = query.toLowerCase();
  if (members.length === 0) return [];
  if (ALL_WORDS.includes(asked)) found.unshift(all);
  else if (ALL.startsWith(asked)) found.splice(MAX_OPTIONS - 1, found.length, all);
  return found.slice(0, MAX_OPTIONS);
}

export function emojiOptions(found: readonly Emoji[]): Option[] {
  return found.slice(0, MAX_OPTIONS).map(({ emoji, label }) => ({ key: emoji, text: `${emoji} `, label, emoji }));
}
