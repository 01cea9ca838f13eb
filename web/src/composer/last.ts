/** Changes what one wrote last, where nothing else is being written. */

import type { Conversation, Message } from "chatserver-client";
import type { Session } from "../session/session.svelte.js";
import type { Writing } from "./writing.svelte.js";

/**
 * Begins to change the newest message of one's own. One that is still under way is waited for, as the server gives it its
 * number; meanwhile anything else that is begun takes precedence. Writing and conversation are asked for again after that: a
 * first message makes the conversation, and what is written moves there.
 */
export async function editLast(
  { chat }: Session,
  writing: () => Writing,
  conversation: () => Conversation | undefined,
  thread: number | null,
): Promise<void> {
  const focused = document.activeElement;
  const sent = await writing().sent?.catch(() => undefined);
  const { id } = conversation() ?? {};
  if (id === undefined || !writing().isIdle || document.activeElement !== focused) return;
  const messages = chat.messages(id);
  const isOwn = ({ sender_id, deleted_at, thread_id }: Message): boolean =>
    sender_id === chat.me && deleted_at === null && thread_id === thread;
  // The list hears of a message a moment after its sender.
  const isNew = sent !== undefined && sent.seq > (messages.at(-1)?.seq ?? 0);
  const last = isNew ? sent : messages.findLast(isOwn);
  if (last !== undefined) writing().edit(last);
}
