/** What is offered while somebody types a name after `@` or a word after `:`. Pure. */

import { finding } from "../text/finding.js";
import { EVERYBODY } from "../text/mentions.js";
import type { Emoji } from "./emoji.js";
import type { Member } from "./naming.js";

/** The word before the caret that asks for completion. */
export interface Trigger {
  kind: "mention" | "emoji";
  query: string;
  /** Where its sign stands. */
  from: number;
  to: number;
}

export interface Option {
  /** What it is known by. */
  key: string;
  /** What takes the place of the word. */
  text: string;
  label: string;
  emoji?: string;
  /** Whose name it is; 0 for all. */
  user?: number;
}

const MAX_OPTIONS = 8;
const MENTION = /(?:^|[^\p{L}\p{N}_@])@([^\s@]{0,32})$/u;
const EMOJI = /(?:^|[\s(])(?::)([\p{L}\p{N}_+-]{2,32})$/u;
const ALL = "all";
/** Whoever has typed one of these means all. */
const MEANT = [...EVERYBODY, "here"];

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

/** Members of whose names a word begins so; those whose name itself does come first, but all where all are meant. */
export function mentionOptions(query: string, members: readonly Member[], allLabel: string): Option[] {
  const byName = members.toSorted((a, b) => a.username.localeCompare(b.username));
  const found = finding(byName, query, ({ username }) => username).map(({ id, username }) => {
    return { key: `u${id}`, text: `@${username} `, label: username, user: id };
  });
  const all = { key: ALL, text: `@${ALL} `, label: allLabel, user: 0 };
  const asked = query.toLowerCase();
  if (members.length === 0) return [];
  if (MEANT.includes(asked)) found.unshift(all);
  else if (ALL.startsWith(asked)) found.splice(MAX_OPTIONS - 1, found.length, all);
  return found.slice(0, MAX_OPTIONS);
}

export function emojiOptions(found: readonly Emoji[]): Option[] {
  return found.slice(0, MAX_OPTIONS).map(({ emoji, label }) => ({ key: emoji, text: `${emoji} `, label, emoji }));
}
