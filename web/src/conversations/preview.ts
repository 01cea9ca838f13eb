/** The line below a conversation's name: what is being written, or the last message. Pure. */

import type { Conversation, Message, MessageOp } from "chatserver-client";
import { say } from "../strings.js";
import { plain } from "./plain.js";

export interface Preview {
  kind: "typing" | "draft" | "waiting" | "deleted" | "message" | "none";
  /** Name of the author, where it is not obvious. */
  by?: string;
  text: string;
}

export interface PreviewContext {
  me: number;
  name: (user: number) => string;
  /** Ids of the users who are typing there. */
  typists: readonly number[];
  /** Messages that wait to be sent, oldest first. */
  waiting: readonly MessageOp[];
  /** Whether the conversation is open; its draft is then visible in the composer. */
  isOpen: boolean;
}

export function previewOf(conversation: Conversation, context: PreviewContext): Preview {
  const isGroup = conversation.kind === "group";
  if (context.typists.length > 0) return { kind: "typing", text: typing(isGroup, context) };
  const draft = conversation.draft ?? "";
  if (draft !== "" && !context.isOpen) return { kind: "draft", by: say.conversations.draft, text: plain(draft) };
  const waiting = context.waiting.at(-1);
  if (waiting !== undefined) return { kind: "waiting", by: say.conversations.you, text: textOfOp(waiting) };
  const message = conversation.last_message;
  if (message === undefined) return { kind: "none", text: say.conversations.nothingYet };
  return messagePreview(message, isGroup, context);
}

/** Returns a message in one line; for pictures and files, their kind. */
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

function messagePreview(message: Message, isGroup: boolean, { me, name }: PreviewContext): Preview {
  const isOwn = message.sender_id === me;
  const by = isOwn ? say.conversations.you : isGroup ? firstName(name(message.sender_id)) : undefined;
  const whose = by === undefined ? {} : { by };
  if (message.deleted_at !== null) return { kind: "deleted", ...whose, text: say.conversations.deleted };
  const text = textOf(message);
  if (text === "" && message.streaming === "growing")
    return { kind: "typing", ...whose, text: say.conversations.isTyping };
  return { kind: "message", ...whose, text };
}

function typing(isGroup: boolean, { typists, name }: PreviewContext): string {
  return isGroup ? say.conversations.typing(typists.map((id) => firstName(name(id)))) : say.conversations.isTyping;
}

function textOfOp(op: MessageOp): string {
  const content = "content" in op && op.content;
  return (typeof content === "string" && plain(content)) || say.conversations.media["file"]!;
}
