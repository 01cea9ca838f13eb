/** The number of unread messages. Pure: the server's count, corrected by what has arrived since. */

import type { Message } from "./protocol.js";

/** The server's count, and the state of the conversation for which it holds. */
export interface ServerCount {
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

export const mentionsUser = (message: Message, user: number): boolean =>
  message.mention_all || message.mentions.includes(user);

/**
 * Counts for `user`, who has read up to `read`. `known` is ordered by `seq` and contains everything after `counted`.
 *
 * While the pointer is where the server counted, older messages need not be known: the result is the server's count,
 * plus newer messages, minus those deleted since. Once the pointer has moved, the known messages after it are counted.
 */
export function countUnread(
  counted: ServerCount | undefined,
  known: readonly Message[],
  read: number,
  user: number,
): Unread {
  return new Tally(counted, known, read, user).sum;
}

/** The same count, maintained as messages arrive and change. Pointer, server's count and user are fixed. */
export class Tally {
  readonly #base: ServerCount | undefined;
  /** Messages after this `seq` count. */
  readonly #from: number;
  readonly #user: number;
  readonly #mentioned: ReadonlySet<number> | undefined;
  #unread: number;
  #mentions: number;

  /** `mentioned` has the ids of deleted messages that mentioned the user: they do not show it any more. */
  constructor(
    counted: ServerCount | undefined,
    known: readonly Message[],
    read: number,
    user: number,
    mentioned?: ReadonlySet<number>,
  ) {
    this.#mentioned = mentioned;
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

  /** Notes that a message has arrived, changed or gone. */
  replace(had: Message | undefined, has: Message | undefined): void {
    this.#add(had, -1);
    this.#add(has, 1);
  }

  /** What a message adds to the unread count: -1 if the server counted it and it is deleted since. */
  step({ seq, sender_id, deleted_at, rev }: Message): number {
    const base = this.#base;
    if (seq <= this.#from || sender_id === this.#user) return 0;
    if (base === undefined || seq > base.last_seq) return deleted_at === null ? 1 : 0;
    return deleted_at !== null && rev > base.rev ? -1 : 0;
  }

  #add(message: Message | undefined, times: 1 | -1): void {
    if (message === undefined) return;
    const step = times * this.step(message);
    this.#unread += step;
    if (this.#mentioned?.has(message.id) || mentionsUser(message, this.#user)) this.#mentions += step;
  }
}
