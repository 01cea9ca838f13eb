/** The line under a conversation's name: what is being written, or was written last. Pure. */

import type { Conversation, Message, MessageOp } from "chatserver-client";
import { say } from "../strings.js";
import { plain } from "./plain.js";

export interface Preview {
  kind: "typing" | "draft" | "waiting" | "deleted" | "message" | "none";
  /** Who wrote it, where that is not clear. */
  by?: string;
  text: string;
}

export interface Surroundings {
  me: number;
  name: (user: number) => string;
  /** Who types there now. */
  typists: readonly number[];
  /** What waits there to be sent, oldest first. */
  waiting: readonly MessageOp[];
  /** Whether it is open: what is begun there is seen in the composer. */
  isOpen: boolean;
}

export function previewOf(conversation: Conversation, around: Surroundings): Preview {
  const isGroup = conversation.kind === "group";
  if (around.typists.length > 0) return { kind: "typing", text: typing(isGroup, around) };
  const draft = conversation.draft ?? "";
  if (draft !== "" && !around.isOpen) return { kind: "draft", by: say.conversations.draft, text: plain(draft) };
  const waiting = around.waiting.at(-1);
  if (waiting !== undefined) return { kind: "waiting", by: say.conversations.you, text: textOfOp(waiting) };
  const message = conversation.last_message;
  if (message === undefined) return { kind: "none", text: say.conversations.nothingYet };
  return said(message, isGroup, around);
}

/** What a message says in one line; of pictures and files, what they are. */
export function textOf(message: Pick<Message, "content" | "media" | "type">): string {
  const text = plain(message.content);
  if (text !== "") return text;
  const [media] = message.media;
  if (media === undefined) return "";
  const what = say.conversations.media[media.type ?? message.type] ?? say.conversations.media["file"]!;
  return media.name === undefined || media.name === "" ? what : `${what}: ${media.name}`;
}

export function firstName(name: string): string {
  return name.split(/\s/)[0] ?? name;
}

function said(message: Message, isGroup: boolean, { me, name }: Surroundings): Preview {
  const isOwn = message.sender_id === me;
  const by = isOwn ? say.conversations.you : isGroup ? firstName(name(message.sender_id)) : undefined;
  const whose = by === undefined ? {} : { by };
  if (message.deleted_at !== null) return { kind: "deleted", ...whose, text: say.conversations.deleted };
  const text = textOf(message);
  if (text === "" && message.streaming === "growing")
    return { kind: "typing", ...whose, text: say.conversations.isTyping };
  return { kind: "message", ...whose, text };
}

function typing(isGroup: boolean, { typists, name }: Surroundings): string {
  return isGroup ? say.conversations.typing(typists.map((id) => firstName(name(id)))) : say.conversations.isTyping;
}

function textOfOp(op: MessageOp): string {
  const content = "content" in op && op.content;
  return (typeof content === "string" && plain(content)) || say.conversations.media["file"]!;
}
