/** Which conversations the list shows, and in which order. Pure. */

import type { Conversation } from "chatserver-client";
import { finding } from "../text/finding.js";

export interface Arranged {
  /** Pinned ones first, then the newest. */
  present: Conversation[];
  /** What was put away, the newest first. */
  archived: Conversation[];
}

export function arrange(conversations: readonly Conversation[]): Arranged {
  const dated = conversations.map((conversation) => ({ conversation, at: newestAt(conversation) }));
  dated.sort((a, b) => Number(isPinned(b.conversation)) - Number(isPinned(a.conversation)) || b.at - a.at);
  const ordered = dated.map(({ conversation }) => conversation);
  return {
    present: ordered.filter(({ archived }) => archived !== true),
    archived: ordered.filter(({ archived }) => archived === true),
  };
}

/** A conversation is another object when it has changed. */
const dates = new WeakMap<Conversation, number>();

/** When something last happened there: a message, or that it came into being. */
export function newestAt(conversation: Conversation): number {
  const known = dates.get(conversation);
  if (known !== undefined) return known;
  const { last_message, created_at } = conversation;
  const at = Date.parse(last_message?.timestamp ?? created_at);
  dates.set(conversation, at);
  return at;
}

/** Those of whose name a word begins so, whatever its case and accents; names that themselves begin so first. */
export function matching(
  conversations: readonly Conversation[],
  text: string,
  nameOf: (conversation: Conversation) => string,
): Conversation[] {
  return finding(conversations, text, nameOf);
}

/** The one before or after another; with `wants`, the next of those that are wanted, around the end. */
export function neighbour(
  list: readonly Conversation[],
  from: number | undefined,
  step: 1 | -1,
  wants?: (conversation: Conversation) => boolean,
): Conversation | undefined {
  const at = list.findIndex(({ id }) => id === from);
  if (wants === undefined) {
    if (at < 0) return step > 0 ? list[0] : list.at(-1);
    return list[at + step];
  }
  const start = at < 0 ? (step > 0 ? -1 : list.length) : at;
  for (let moved = 1; moved <= list.length; moved += 1) {
    const found = list[(start + step * moved + 2 * list.length) % list.length];
    if (found !== undefined && found.id !== from && wants(found)) return found;
  }
  return undefined;
}

export function isUnread({ unread = 0, marked_unread = false }: Conversation): boolean {
  return unread > 0 || marked_unread;
}

export function isMuted({ muted_until }: Conversation, now = Date.now()): boolean {
  return muted_until !== undefined && muted_until !== null && Date.parse(muted_until) > now;
}

function isPinned({ pinned, archived }: Conversation): boolean {
  return pinned === true && archived !== true;
}
