/** The actions that a user may take on a message, without those that the server would refuse. */

import type { Message } from "chatserver-client";
import type { Session } from "../session/session.svelte.js";
import { isWaiting } from "./rows.js";

export interface Abilities {
  reply: boolean;
  thread: boolean;
  react: boolean;
  pin: boolean;
  edit: boolean;
  deleteForEveryone: boolean;
}

export function abilitiesOf({ chat }: Session, message: Message): Abilities {
  const may = chat.conversation(message.conversation_id)?.capabilities ?? [];
  const isThere = message.deleted_at === null && !isWaiting(message);
  const isOwn = message.sender_id === chat.me;
  return {
    reply: isThere && may.includes("post"),
    thread: isThere && may.includes("post") && message.thread_id === null,
    react: isThere && may.includes("react"),
    pin: isThere && may.includes("pin"),
    edit: isThere && isOwn && may.includes("post") && message.streaming !== "growing",
    deleteForEveryone: isThere && (isOwn || may.includes("delete_any")),
  };
}

/** Removes the user's reaction if it is there, and adds it otherwise. */
export function toggleReaction({ client, notices }: Session, message: Message, emoji: string): void {
  const isMine = message.reactions.some((reaction) => reaction.emoji === emoji && reaction.me);
  void notices.try(isMine ? client.unreact(message.id, emoji) : client.react(message.id, emoji));
}
