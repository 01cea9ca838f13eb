/** The options that an application passes to a client, and the events that it receives. Types and defaults only. */

import type { ChatError } from "./error.js";
import type { FetchLike } from "./rest.js";
import type { Status, WebSocketClass } from "./link.js";
import type {
  AppendFrame,
  Conversation,
  HiddenFrame,
  LiveFrame,
  Message,
  MessageEventName,
  MessageOp,
  PresenceFrame,
  ReceiptFrame,
  ResyncFrame,
  SavedFrame,
  TypingFrame,
} from "./protocol.js";
import type { OutboxStorage } from "./outbox.js";

export interface ChatOptions {
  /** Address of the server, such as `https://chat.example.com`. */
  url: string;
  /** A JWT. Alternative: `getToken`. */
  token?: string;
  /** Called before every connection and request, so that an expired token can be replaced. */
  getToken?: () => string | Promise<string>;
  /** Cursor at which an earlier run's state ended; useful only to an application that stored that state itself. */
  cursor?: string;
  /** Reloads, rather than getting the changes, if more messages than this were missed. Default: no limit. */
  maxChanges?: number;
  fetch?: FetchLike;
  /** Needed in Node before 22, which has no WebSocket of its own: pass the class of `ws`. */
  WebSocket?: WebSocketClass;
  /** Keeps unaccepted messages when the program ends. */
  storage?: OutboxStorage;
  /** Key in `storage`; one per user and device. */
  storageKey?: string;
  /** Loads the list of conversations at the start and after a `resync`. Default: `true`. */
  autoload?: boolean;
  /** Confirms to senders that this client has their messages. Default: `true`. */
  autoDelivered?: boolean;
  /** Longest wait for an answer before the connection counts as dead, in milliseconds. Default: 10,000. */
  answerMs?: number;
  /** Longest normal silence, in milliseconds. Default: twice the server's heartbeat. */
  quietMs?: number;
  /** A monotonic clock in milliseconds. */
  now?: () => number;
  /** Random numbers from 0 to 1. */
  random?: () => number;
}

/** A new or changed message. `reloaded`: fetched because a piece of its text was missing. */
export interface MessageEvent {
  event: MessageEventName | "reloaded";
  conversation_id: number;
  message: Message;
}

export interface ChatEvents {
  message: MessageEvent;
  conversation: Conversation;
  receipt: ReceiptFrame;
  append: AppendFrame;
  hidden: HiddenFrame;
  saved: SavedFrame;
  typing: TypingFrame;
  presence: PresenceFrame;
  /** Everything missed has arrived. */
  live: LiveFrame;
  /** The state was cleared: reload what is on the screen. */
  resync: ResyncFrame;
  status: Status;
  /** The unaccepted messages, after every change. */
  outbox: readonly MessageOp[];
  /** A failure that no promise reports. */
  error: ChatError | Error;
}

export const ANSWER_MS = 10_000;
export const STORAGE_KEY = "chatserver.outbox";

/** Returns the given class, or the environment's own. */
export function webSocketOf(given: WebSocketClass | undefined): WebSocketClass {
  const found = given ?? (globalThis as { WebSocket?: WebSocketClass }).WebSocket;
  if (found === undefined) throw new TypeError('There is no WebSocket here: give one as an option, such as that of "ws"');
  return found;
}
