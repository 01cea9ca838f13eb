/** The rows of a list of messages: what comes from the server, and what waits to be sent. Pure. */

import type { Message, MessageOp } from "chatserver-client";
import { dayOf } from "../text/time.js";

/** Messages of one sender that are no further apart stand together. */
const GROUP_MS = 5 * 60_000;

/** A message that waits has no number yet; it is behind all others. */
export const isWaiting = (message: Message): boolean => message.id <= 0;

/** Whether it shows what is loaded later only: something attached, a program's text, what it answers, reactions. */
export function isMoreThanText({ content, media, media_url, quote, reactions }: Message): boolean {
  const isAttached = media.length > 0 || media_url !== "";
  return isAttached || quote !== null || reactions.length > 0 || content.includes("```");
}

/** Stays the same when a message that waited becomes one of the server's, so that its bubble does, too. */
export function keyOf(message: Message, me: number): string {
  const isOwn = message.sender_id === me && message.client_msg_id !== null;
  return isOwn ? `own ${message.client_msg_id}` : `${message.id}`;
}

/** Messages that stand in the conversation itself, without those in its threads; the same list where there are no such. */
export function outsideThreads(messages: readonly Message[]): readonly Message[] {
  // A copy of a very long list with every page of it keeps the browser busy with what it leaves behind.
  const isInThread = ({ thread_id }: Message): boolean => thread_id !== null;
  return messages.some(isInThread) ? messages.filter((message) => !isInThread(message)) : messages;
}

/** What waits, as messages to come. */
export class Waiting {
  readonly #made = new WeakMap<MessageOp, Message>();

  /** `of` gives a message that is to be forwarded. */
  messages(ops: readonly MessageOp[], me: number, of: (id: number) => Message | undefined): Message[] {
    return ops.map((op, index) => {
      const made = this.#made.get(op);
      // What an earlier run left is there before the server has said who we are.
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

/** Whether two messages that follow each other stand together. */
export function areTogether(before: Message | undefined, after: Message | undefined): boolean {
  if (before === undefined || after === undefined || before.sender_id !== after.sender_id) return false;
  const between = Date.parse(after.timestamp) - Date.parse(before.timestamp);
  return between <= GROUP_MS && dayOf(before.timestamp) === dayOf(after.timestamp);
}

/** Where a place in the conversation is or belongs among the rows. */
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
