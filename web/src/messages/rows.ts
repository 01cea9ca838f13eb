/** The rows of a message list: messages of the server, and those waiting to be sent. Pure. */

import type { Message, MessageOp } from "chatserver-client";
import { dayOf } from "../text/time.js";

/** Longest time between consecutive messages of one sender that are displayed as a group. */
const GROUP_MS = 5 * 60_000;

/** Whether a message waits to be sent. It has no id and no `seq` yet, and follows all others. */
export const isWaiting = (message: Message): boolean => message.id <= 0;

/** Whether displaying a message needs code that is loaded later: attachments, code blocks, quotes, reactions. */
export function isMoreThanText({ content, media, media_url, quote, reactions }: Message): boolean {
  const isAttached = media.length > 0 || media_url !== "";
  return isAttached || quote !== null || reactions.length > 0 || content.includes("```");
}

/** Returns a key that stays the same when a waiting message is accepted, so that its element does, too. */
export function keyOf(message: Message, me: number): string {
  const isOwn = message.sender_id === me && message.client_msg_id !== null;
  return isOwn ? `own ${message.client_msg_id}` : `${message.id}`;
}

/** Returns the messages outside of threads; the same array if all are. */
export function outsideThreads(messages: readonly Message[]): readonly Message[] {
  // Copying a very long array for every page would produce much garbage.
  const isInThread = ({ thread_id }: Message): boolean => thread_id !== null;
  return messages.some(isInThread) ? messages.filter((message) => !isInThread(message)) : messages;
}

/** Converts waiting ops to messages. */
export class Waiting {
  readonly #made = new WeakMap<MessageOp, Message>();

  /** `of` returns the original of a message to forward. */
  messages(ops: readonly MessageOp[], me: number, of: (id: number) => Message | undefined): Message[] {
    return ops.map((op, index) => {
      const made = this.#made.get(op);
      // Ops of an earlier run exist before the server has named the user.
      if (made?.sender_id === me) return made;
      const original = "message_id" in op ? of(op.message_id) : undefined;
      const message = { ...(made ?? messageOf(op, -1 - index, original)), sender_id: me };
      this.#made.set(op, message);
      return message;
    });
  }
}

function messageOf(op: MessageOp, id: number, original: Message | undefined): Omit<Message, "sender_id"> {
  const { content = original?.content ?? "", media = original?.media ?? [] } = op as Partial<Message>;
  const {
    mentions = [],
    mention_all = false,
    reply_to = null,
    thread_id = null,
    client_msg_id = null,
  } = op as Partial<Message>;
  const { conversation_id = 0 } = op as Partial<Message>;
  return {
    id,
    conversation_id,
    seq: Number.MAX_SAFE_INTEGER,
    rev: 0,
    recipient_id: Number(op.to_user ?? 0),
    group_id: Number(op.to_group ?? 0),
    type: "text",
    content,
    media,
    media_url: "",
    reply_to,
    quote: null,
    thread_id,
    thread: null,
    forwarded_from: original === undefined ? null : { message_id: original.id, sender_id: original.sender_id },
    reactions: [],
    mentions,
    mention_all,
    custom: null,
    client_msg_id,
    timestamp: new Date().toISOString(),
    edited_at: null,
    deleted_at: null,
    pinned_at: null,
    pinned_by: null,
    streaming: null,
    status: "WAITING",
  };
}

/** Whether two consecutive messages are displayed as a group. */
export function areTogether(before: Message | undefined, after: Message | undefined): boolean {
  if (before === undefined || after === undefined || before.sender_id !== after.sender_id) return false;
  const between = Date.parse(after.timestamp) - Date.parse(before.timestamp);
  return between <= GROUP_MS && dayOf(before.timestamp) === dayOf(after.timestamp);
}

/** Returns the index of a `seq` among the rows, or the index at which it belongs. */
export function indexOf(rows: readonly Message[], seq: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rows[middle]!.seq < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
