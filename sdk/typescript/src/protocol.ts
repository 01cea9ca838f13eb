/**
 * The frames of the v2 stream as types (docs/stream.md).
 * Knows the wire's spelling and nothing of what a client does with it.
 */

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
  /** Its number in the conversation: 1, 2, 3 … without gaps. */
  seq: number;
  /** The conversation's count of changes when it last changed. */
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
  /** The root of the thread that it is in. */
  thread_id: number | null;
  /** Of a root: what hangs on it. */
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
  /** `growing`, `finished` or `abandoned`; `null` for messages that were whole from the start. */
  streaming: string | null;
  status: string;
}

/** What a conversation is to one member; live frames about all members leave it out. */
export interface OwnPart {
  /** `null` for somebody who is no member any more. */
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
  /** Of a direct one: the other side. */
  user_id: number | null;
  group_id: number | null;
  name: string | null;
  owner_id: number | null;
  rev: number;
  last_seq: number;
  n_members: number;
  created_at: string;
  /** The newest message; left out where it is not asked for. */
  last_message?: Message;
}

/** To whom a message goes. */
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
  /** Made if it is missing; the same one makes one message, for ever. */
  client_msg_id?: string;
  streaming?: boolean;
}

/** A frame to the server, but for its `id`. */
export type Op = Extract<components["schemas"][keyof components["schemas"]], { op: string }>;

/** One that makes a message; it waits in the outbox until it is answered. */
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
  /** In characters, as Unicode counts them. */
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
  /** To the member's own clients: what waits now. */
  unread?: number;
  mentions?: number;
  cursor?: string;
}

export interface HiddenFrame {
  type: "hidden";
  conversation_id: number;
  message_id: number;
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

/** A frame of the server, or `undefined` for what is none. A type that is not known yet passes. */
export function parseFrame(data: unknown): ServerFrame | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const frame: unknown = JSON.parse(data);
    const isFrame = typeof frame === "object" && frame !== null && "type" in frame;
    return isFrame && typeof frame.type === "string" ? (frame as ServerFrame) : undefined;
  } catch {
    return undefined;
  }
}
