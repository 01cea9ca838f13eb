/** A stored part of the state, for a start without a server: the newest conversations, and the end of the open one. */

import type { ChatClient, Conversation, Message } from "chatserver-client";
import type { User } from "./people.svelte.js";

/** The stored form. `shape` changes when the fields do. */
export interface StoredSnapshot {
  shape: 1;
  /** Id of the signed-in user. */
  me: number;
  conversations: Conversation[];
  /** The last messages of the conversation that was open. */
  messages: Message[];
  /** The users who occur in any of it. */
  people: User[];
}

/** Maximum number of conversations and of messages; enough for one screen. */
const MAX_ITEMS = 50;
/** Maximum length in UTF-16 units. Browsers store a few millions in total, and drafts need room, too. */
const MAX_LENGTH = 400_000;

/** Builds the part of a state to store, with the end of the open conversation. Halves it until it is small enough. */
export function snapshotOf(
  state: ChatClient["state"],
  open: number | undefined,
  user: (id: number) => User | undefined,
): StoredSnapshot | undefined {
  for (let most = MAX_ITEMS; most > 0; most >>= 1) {
    const stored = partOf(state, open, user, most);
    if (JSON.stringify(stored).length <= MAX_LENGTH) return stored;
  }
  return undefined;
}

function partOf(
  state: ChatClient["state"],
  open: number | undefined,
  user: (id: number) => User | undefined,
  most: number,
): StoredSnapshot {
  const conversations = state.conversations().filter(({ id }, index) => index < most || id === open);
  const messages = open === undefined ? [] : state.messages(open).slice(-most);
  const wanted = new Set([...conversations.map(({ user_id }) => user_id ?? 0)]);
  for (const { last_message } of conversations) wanted.add(last_message?.sender_id ?? 0);
  for (const { sender_id, mentions } of messages) for (const id of [sender_id, ...mentions]) wanted.add(id);
  return {
    shape: 1,
    me: state.userId,
    conversations,
    messages: messages.map((message) => ({ ...message, status: state.status(message) })),
    people: [...wanted].flatMap((id) => user(id) ?? []),
  };
}

/** Parses a stored state. Returns `undefined` if it is not one. */
export function parseSnapshot(stored: unknown): Snapshot | undefined {
  const isOurs = typeof stored === "object" && stored !== null && "shape" in stored && stored.shape === 1;
  return isOurs ? new Snapshot(stored as StoredSnapshot) : undefined;
}

export class Snapshot {
  readonly me: number;
  readonly people: User[];
  readonly conversations: readonly Conversation[];
  readonly #conversations: ReadonlyMap<number, Conversation>;
  readonly #messages = new Map<number, readonly Message[]>();

  constructor({ me, conversations, messages, people }: StoredSnapshot) {
    this.me = me;
    this.people = people;
    this.conversations = conversations;
    this.#conversations = new Map(conversations.map((conversation) => [conversation.id, conversation]));
    for (const { id, last_message } of conversations) this.#messages.set(id, last_message ? [last_message] : []);
    const [first] = messages;
    if (first !== undefined) this.#messages.set(first.conversation_id, messages);
  }

  conversation(id: number): Conversation | undefined {
    return this.#conversations.get(id);
  }

  /** Returns the stored messages, followed by those that have arrived since. */
  messages(id: number, since: readonly Message[]): readonly Message[] {
    const have = this.#messages.get(id) ?? [];
    const news = since.filter(({ seq }) => seq > (have.at(-1)?.seq ?? 0));
    return news.length === 0 ? have : [...have, ...news];
  }
}
