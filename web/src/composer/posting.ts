/** Sends the composer's content. It stays there until it is in the outbox, and returns if the server refuses it. */

import { ChatError, type Conversation, type Draft, type Message, type Target as Recipient } from "chatserver-client";
import type { Target } from "../place/place.svelte.js";
import type { Session } from "../session/session.svelte.js";
import type { Named } from "./naming.js";
import { isTooLong } from "./length.js";
import type { Writing } from "./writing.svelte.js";

export interface Destination {
  target: Target;
  /** Absent until there is a conversation with the user. */
  conversation: Conversation | undefined;
  thread: number | undefined;
}

/** Error codes that are no refusal: the user ended the sending, or the message stays in the outbox. */
const NO_REFUSAL = ["closed", "discarded", "another_user", "unauthorized"];

/** Removes empty lines at the beginning, and white space at the end. */
export function trimmed(text: string): string {
  return text.replace(/^(?:[^\S\n]*\n)+/, "").trimEnd();
}

export function canPost(writing: Writing): boolean {
  const { text, attached, editing } = writing;
  if (isTooLong(text)) return false;
  return trimmed(text) !== "" || (editing === undefined ? attached.length > 0 : editing.media.length > 0);
}

/** Whether an edit leaves nothing of the message, so that the client offers to delete it. */
export function isEmptied({ text, editing }: Writing): boolean {
  return editing !== undefined && editing.media.length === 0 && trimmed(text) === "";
}

/** Returns the address to send to: always the same for one user, so that no message overtakes another. */
function recipient({ target, conversation }: Destination): Recipient {
  if ("user" in target) return { to_user: target.user };
  const user = conversation?.kind === "direct" ? conversation.user_id : null;
  return user === null ? { conversation_id: target.conversation } : { to_user: user };
}

export function post(session: Session, writing: Writing, to: Destination, named: Named | undefined): void {
  const { replyTo, attached, text } = writing;
  const content = trimmed(text);
  const { mentions = [], mention_all = false } = named ?? {};
  const draft: Draft = {
    content,
    ...(attached.length > 0 ? { media: [...attached] } : {}),
    ...(replyTo === undefined ? {} : { reply_to: replyTo.id }),
    ...(to.thread === undefined ? {} : { thread_id: to.thread }),
    ...(mentions.length > 0 ? { mentions } : {}),
    ...(mention_all ? { mention_all } : {}),
  };
  const before = session.client.outbox.length;
  const sent = (writing.sent = session.client.send({ ...recipient(to), ...draft }));
  if (session.client.outbox.length > before) writing.clear();
  sent.catch((error: unknown) => {
    if (!isRefusal(error)) return;
    session.notices.error(error);
    if (!writing.isIdle) return;
    writing.text = text;
    writing.replyTo = replyTo;
    writing.attached = attached;
  });
}

/** Edits a message and restores the draft. If the server refuses, the edit returns to the field. */
export function change(session: Session, writing: Writing, message: Message): void {
  const { text } = writing;
  const content = trimmed(text);
  writing.cancel();
  if (content === message.content) return;
  session.client.edit(message.id, content).catch((error: unknown) => {
    if (!isRefusal(error)) return;
    session.notices.error(error);
    if (writing.editing !== undefined) return;
    writing.edit(message);
    writing.text = text;
  });
}

function isRefusal(error: unknown): boolean {
  return !(error instanceof ChatError && NO_REFUSAL.includes(error.code));
}
