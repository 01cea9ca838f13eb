/** What an application says when it makes a client, and what a client says of itself. Types, and what they default to. */

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
  /** Where the server is, such as `https://chat.example.com`. */
  url: string;
  /** A JWT; or give `getToken`. */
  token?: string;
  /** Asked before every connection and request, so that a token that has expired can be replaced. */
  getToken?: () => string | Promise<string>;
  /** Where a former run's state ended; only of use to an application that kept that state itself. */
  cursor?: string;
  fetch?: FetchLike;
  /** Needed in Node before 22, which has none of its own: give it that of `ws`. */
  WebSocket?: WebSocketClass;
  /** Where messages that wait to be accepted outlive the program. */
  storage?: OutboxStorage;
  /** Under which key; one for each user and device. */
  storageKey?: string;
  /** Load the list of conversations at first and after a `resync`; on unless `false`. */
  autoload?: boolean;
  /** Confirm to senders that this client has their messages; on unless `false`. */
  autoDelivered?: boolean;
  /** How long an answer may take before the connection counts as dead; 10,000 unless given. */
  answerMs?: number;
  /** How long silence is normal; twice the server's heartbeat unless given. */
  quietMs?: number;
  /** A clock in milliseconds that does not jump. */
  now?: () => number;
  /** Chance, from 0 to 1. */
  random?: () => number;
}

/** A message that is new or changed. `reloaded`: it was fetched, because a piece of its text was missing. */
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
  /** Everything missed has come. */
  live: LiveFrame;
  /** The state is empty now: what is on the screen has to be loaded anew. */
  resync: ResyncFrame;
  status: Status;
  /** The messages that wait to be accepted, after every change. */
  outbox: readonly MessageOp[];
  /** What went wrong where nobody waits for an answer. */
  error: ChatError | Error;
}

export const ANSWER_MS = 10_000;
export const STORAGE_KEY = "chatserver.outbox";

/** The given `WebSocket`, or the surroundings' own. */
export function webSocketOf(given: WebSocketClass | undefined): WebSocketClass {
  const found = given ?? (globalThis as { WebSocket?: WebSocketClass }).WebSocket;
  if (found === undefined) throw new TypeError('There is no WebSocket here: give one as an option, such as that of "ws"');
  return found;
}
