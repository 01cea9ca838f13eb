/** Selects and sorts the conversations of the list. Pure. */

import type { Conversation } from "chatserver-client";
import { findByName } from "../text/finding.js";

export interface Arranged {
  /** Pinned ones first, then by the newest message. */
  present: Conversation[];
  /** By the newest message. */
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

/** Cached by object: a conversation that changes becomes another object. */
const dates = new WeakMap<Conversation, number>();

/** Time of the last message, or of the conversation's creation, in milliseconds. */
export function newestAt(conversation: Conversation): number {
  const known = dates.get(conversation);
  if (known !== undefined) return known;
  const { last_message, created_at } = conversation;
  const at = Date.parse(last_message?.timestamp ?? created_at);
  dates.set(conversation, at);
  return at;
}

/**
 * Returns the conversations with a word in their name that begins with `text`, ignoring case and accents; those whose
 * whole name begins with it come first.
 */
export function matching(
  conversations: readonly Conversation[],
  text: string,
  nameOf: (conversation: Conversation) => string,
): Conversation[] {
  return findByName(conversations, text, nameOf);
}

/** Returns the conversation before or after another. With `wants`, returns the next match and wraps around. */
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
