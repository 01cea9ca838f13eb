/** Edits the user's last message, if nothing else is being written. */

import type { Conversation, Message } from "chatserver-client";
import type { Session } from "../session/session.svelte.js";
import type { Writing } from "./writing.svelte.js";

/** How often, and at most for how long, to look whether a new conversation has arrived. */
const STEP_MS = 20;
const MAX_WAIT_MS = 10_000;

/** Waits for the conversation that a first message creates: the answer to the message may overtake it. */
async function untilKnown(conversation: () => Conversation | undefined): Promise<void> {
  for (let waited = 0; conversation() === undefined && waited < MAX_WAIT_MS; waited += STEP_MS) {
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}

/**
 * Begins to edit the newest own message. If one is still being sent, waits until the server has given it an id; what
 * else the user begins meanwhile takes precedence. `writing` and `conversation` are called again after that, because a
 * first message creates the conversation, and the text moves there.
 */
export async function editLast(
  { chat }: Session,
  writing: () => Writing,
  conversation: () => Conversation | undefined,
  thread: number | null,
): Promise<void> {
  const focused = document.activeElement;
  const sent = await writing().sent?.catch(() => undefined);
  if (sent !== undefined) await untilKnown(conversation);
  const { id } = conversation() ?? {};
  if (id === undefined || !writing().isIdle || document.activeElement !== focused) return;
  const messages = chat.messages(id);
  const isOwn = ({ sender_id, deleted_at, thread_id }: Message): boolean =>
    sender_id === chat.me && deleted_at === null && thread_id === thread;
  // The list receives a message a moment after its sender's promise resolves.
  const isNew = sent !== undefined && sent.seq > (messages.at(-1)?.seq ?? 0);
  const last = isNew ? sent : messages.findLast(isOwn);
  if (last !== undefined) writing().edit(last);
}
