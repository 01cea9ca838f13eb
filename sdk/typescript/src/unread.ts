/** How many messages wait to be read. Pure: what the server counted, corrected by what has come since. */

import type { Message } from "./protocol.js";

/** The server's own count, and the moment it holds for. */
export interface Counted {
  rev: number;
  last_seq: number;
  read_seq: number;
  unread: number;
  mentions: number;
}

export interface Unread {
  unread: number;
  mentions: number;
}

const mentionsUser = (message: Message, user: number): boolean =>
  message.mention_all || message.mentions.includes(user);

/**
 * Counts for `user`, who has read up to `read`. `known` is ordered by seq and holds everything that came after `counted`.
 *
 * As long as the pointer stands where the server counted, older messages need not be known: the count is the server's,
 * plus what is newer, less what was deleted since. Once it has moved, what is known behind it is counted.
 */
export function countUnread(
  counted: Counted | undefined,
  known: readonly Message[],
  read: number,
  user: number,
): Unread {
  const base = counted !== undefined && read <= counted.read_seq ? counted : undefined;
  const sum = { unread: base?.unread ?? 0, mentions: base?.mentions ?? 0 };
  for (let at = known.length - 1; at >= 0; at -= 1) {
    const message = known[at]!;
    if (message.seq <= Math.max(read, base?.read_seq ?? 0)) break;
    if (message.sender_id === user) continue;
    const step = stepOf(message, base);
    sum.unread += step;
    if (mentionsUser(message, user)) sum.mentions += step;
  }
  return { unread: Math.max(0, sum.unread), mentions: Math.max(0, sum.mentions) };
}

function stepOf(message: Message, base: Counted | undefined): number {
  const isDeleted = message.deleted_at !== null;
  if (base === undefined || message.seq > base.last_seq) return isDeleted ? 0 : 1;
  return isDeleted && message.rev > base.rev ? -1 : 0;
}
