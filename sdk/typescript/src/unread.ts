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
  return new Tally(counted, known, read, user).sum;
}

/** The same count, kept while messages come and change: the pointer, the server's count and the user stay as they are. */
export class Tally {
  readonly #base: Counted | undefined;
  /** What is behind it counts. */
  readonly #from: number;
  readonly #user: number;
  #unread: number;
  #mentions: number;

  constructor(counted: Counted | undefined, known: readonly Message[], read: number, user: number) {
    this.#base = counted !== undefined && read <= counted.read_seq ? counted : undefined;
    this.#from = Math.max(read, this.#base?.read_seq ?? 0);
    this.#user = user;
    this.#unread = this.#base?.unread ?? 0;
    this.#mentions = this.#base?.mentions ?? 0;
    for (let at = known.length - 1; at >= 0 && known[at]!.seq > this.#from; at -= 1) this.#add(known[at], 1);
  }

  get sum(): Unread {
    return { unread: Math.max(0, this.#unread), mentions: Math.max(0, this.#mentions) };
  }

  /** A message has come, is another than before, or is gone. */
  replace(had: Message | undefined, has: Message | undefined): void {
    this.#add(had, -1);
    this.#add(has, 1);
  }

  #add(message: Message | undefined, times: 1 | -1): void {
    if (message === undefined || message.seq <= this.#from || message.sender_id === this.#user) return;
    const step = times * this.#stepOf(message);
    this.#unread += step;
    if (mentionsUser(message, this.#user)) this.#mentions += step;
  }

  #stepOf(message: Message): number {
    const base = this.#base;
    const isDeleted = message.deleted_at !== null;
    if (base === undefined || message.seq > base.last_seq) return isDeleted ? 0 : 1;
    return isDeleted && message.rev > base.rev ? -1 : 0;
  }
}
