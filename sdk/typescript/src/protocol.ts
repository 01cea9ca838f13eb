/**
 * The frames of the v2 stream as types (docs/stream.md).
 * Defines the wire format only, and not what a client does with it.
 */

import { complete } from "./lean.js";
import type { components } from "./op-types.js";

export interface Media {
  url: string;
  /** `image`, `video`, `audio` or `file`. */
  type?: string;
  name?: string;
  size?: number;
  width?: number;
  height?: number;
}

export interface Reaction {
  emoji: string;
  count: number;
  me: boolean;
}

export interface Quote {
  message_id: number;
  sender_id: number;
  content: string;
  deleted: boolean;
}

export interface Message {
  id: number;
  conversation_id: number;
  /** Number of the message in its conversation: 1, 2, 3 … without gaps. */
  seq: number;
  /** The conversation's change count when the message last changed. */
  rev: number;
  sender_id: number;
  /** 0 in a group. */
  recipient_id: number;
  /** 0 in a direct conversation. */
  group_id: number;
  type: string;
  content: string;
  media: Media[];
  media_url: string;
  reply_to: number | null;
  quote: Quote | null;
  /** Id of the root message of its thread. */
  thread_id: number | null;
  /** For a thread's root: the number of replies and the time of the last one. */
  thread: { replies: number; last_reply_at: string } | null;
  forwarded_from: { message_id: number; sender_id: number } | null;
  reactions: Reaction[];
  mentions: number[];
  mention_all: boolean;
  custom: Record<string, unknown> | null;
  client_msg_id: string | null;
  timestamp: string;
  edited_at: string | null;
  deleted_at: string | null;
  pinned_at: string | null;
  pinned_by: number | null;
  /** `growing`, `finished` or `abandoned`; `null` for messages that were sent whole. */
  streaming: string | null;
  status: string;
}

/** The per-member state of a conversation. Live frames about all members leave it out. */
export interface OwnPart {
  /** `null` for former members. */
  role: string | null;
  delivered_seq: number;
  read_seq: number;
  unread: number;
  mentions: number;
  marked_unread: boolean;
  muted_until: string | null;
  archived: boolean;
  pinned: boolean;
  draft: string | null;
  capabilities: string[];
}

export interface Conversation extends Partial<OwnPart> {
  id: number;
  /** `direct` or `group`. */
  kind: string;
  /** For a direct conversation: the other user's id. */
  user_id: number | null;
  group_id: number | null;
  name: string | null;
  owner_id: number | null;
  rev: number;
  last_seq: number;
  n_members: number;
  created_at: string;
  /** The newest message; absent where it was not requested. */
  last_message?: Message;
}

/** Destination of a message. */
export type Target = { to_user: number } | { to_group: number } | { conversation_id: number };

export interface Draft {
  content?: string;
  media?: Media[];
  type?: string;
  reply_to?: number;
  thread_id?: number;
  mentions?: number[];
  mention_all?: boolean;
  custom?: Record<string, unknown>;
  /** Generated if missing. The server stores one message per key, forever. */
  client_msg_id?: string;
  streaming?: boolean;
}

/** A frame to the server, without its `id`. */
export type Op = Extract<components["schemas"][keyof components["schemas"]], { op: string }>;

/** An op that creates a message. It stays in the outbox until it is answered. */
export type MessageOp = Extract<Op, { op: "send" | "forward" }>;

export interface HelloFrame {
  type: "hello";
  user_id: number;
  session_id: string;
  cursor: string;
  heartbeat_ms: number;
  resumed: boolean;
  features: string[];
  server_version: string;
}

export type MessageEventName =
  "created" | "edited" | "deleted" | "reaction" | "pinned" | "thread" | "appended" | "finished";

export interface MessageFrame {
  type: "message";
  event: MessageEventName;
  conversation_id: number;
  message: Message;
  cursor?: string;
}

export interface AppendFrame {
  type: "append";
  conversation_id: number;
  message_id: number;
  seq: number;
  rev: number;
  /** In Unicode characters. */
  offset: number;
  content: string;
  cursor?: string;
}

export interface ConversationFrame {
  type: "conversation";
  conversation: Conversation;
  cursor?: string;
}

export interface ReceiptFrame {
  type: "receipt";
  conversation_id: number;
  user_id: number;
  delivered_seq: number;
  read_seq: number;
  /** Present for the member's own clients: the new unread count. */
  unread?: number;
  mentions?: number;
  /** What the counts contain: messages up to `last_seq`, and changes up to `rev`. Earlier releases do not tell. */
  last_seq?: number;
  rev?: number;
  cursor?: string;
}

/** Receipts of a group. The client reports each as a `receipt`. */
export interface ReceiptsFrame {
  type: "receipts";
  conversation_id: number;
  receipts: Omit<ReceiptFrame, "type" | "conversation_id" | "cursor">[];
  cursor?: string;
}

export interface HiddenFrame {
  type: "hidden";
  conversation_id: number;
  message_id: number;
  /** The unread count without the message: of messages after `read_seq`. Earlier releases do not send it. */
  unread?: number;
  mentions?: number;
  read_seq?: number;
  /** What the counts contain: messages up to `last_seq`, and changes up to `rev`. */
  last_seq?: number;
  rev?: number;
  cursor?: string;
}

export interface SavedFrame {
  type: "saved";
  message_id: number;
  saved: boolean;
  cursor?: string;
}

export interface TypingFrame {
  type: "typing";
  conversation_id: number;
  user_id: number;
  expires_in_ms: number;
}

export interface PresenceFrame {
  type: "presence";
  user_id: number;
  status: "online" | "away" | "offline";
  last_seen: string | null;
}

export interface LiveFrame {
  type: "live";
  cursor: string;
}

export interface ResyncFrame {
  type: "resync";
  cursor: string;
  /** Why: `unknown_cursor` or `too_many_changes`. Servers of earlier releases send none. */
  code?: string;
}

export interface AckFrame {
  type: "ack";
  id: string | number | null;
  message?: Message;
  duplicate?: boolean;
  message_id?: number;
  rev?: number;
  length?: number;
}

export interface ErrorFrame {
  type: "error";
  id: string | number | null;
  code: string;
  error: string;
  temporary: boolean;
  retry_after_ms?: number | null;
}

export interface PongFrame {
  type: "pong";
  id: string | number | null;
  server_time: string;
}

export type ServerFrame =
  | HelloFrame
  | MessageFrame
  | AppendFrame
  | ConversationFrame
  | ReceiptFrame
  | ReceiptsFrame
  | HiddenFrame
  | SavedFrame
  | TypingFrame
  | PresenceFrame
  | LiveFrame
  | ResyncFrame
  | AckFrame
  | ErrorFrame
  | PongFrame;

/** Subprotocol of the v2 stream. */
export const PROTOCOL = "chatserver.v2";

export const CLOSE = { TOO_BIG: 1009, RESTART: 1012, UNAUTHORIZED: 4001, TOO_MANY: 4029 } as const;

/** Parses a frame of the server. Returns `undefined` if it is not a frame; frames of unknown types pass. */
export function parseFrame(data: unknown): ServerFrame | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const frame: any = complete(JSON.parse(data));
    if (frame?.type === "message") frame.event ??= "created";
    return typeof frame?.type === "string" ? frame : undefined;
  } catch {
    return undefined;
  }
}
