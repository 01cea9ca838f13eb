/** What was there when the page was left, for a start without a server: the newest conversations, and what one of them ended in. */

import type { ChatClient, Conversation, Message } from "chatserver-client";
import type { User } from "./people.svelte.js";

/** As it is kept; another number when it is made of other things. */
export interface Kept {
  shape: 1;
  /** Who was signed in. */
  me: number;
  conversations: Conversation[];
  /** Of the conversation that was open. */
  messages: Message[];
  /** Those who have to do with any of it. */
  people: User[];
}

/** Enough for the screen that one comes back to. */
const MOST = 50;
/** In characters. A browser keeps some millions, in which what one writes must find room, too. */
const MOST_TEXT = 400_000;

/** What there is to keep of a state, with the end of the conversation that is open. */
export function keptOf(
  state: ChatClient["state"],
  open: number | undefined,
  user: (id: number) => User | undefined,
): Kept | undefined {
  for (let most = MOST; most > 0; most >>= 1) {
    const kept = partOf(state, open, user, most);
    if (JSON.stringify(kept).length <= MOST_TEXT) return kept;
  }
  return undefined;
}

function partOf(
  state: ChatClient["state"],
  open: number | undefined,
  user: (id: number) => User | undefined,
  most: number,
): Kept {
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

/** What was kept; nothing, if it is not ours. */
export function recalled(kept: unknown): Recalled | undefined {
  const isOurs = typeof kept === "object" && kept !== null && "shape" in kept && kept.shape === 1;
  return isOurs ? new Recalled(kept as Kept) : undefined;
}

export class Recalled {
  readonly me: number;
  readonly people: User[];
  readonly conversations: readonly Conversation[];
  readonly #conversations: ReadonlyMap<number, Conversation>;
  readonly #messages = new Map<number, readonly Message[]>();

  constructor({ me, conversations, messages, people }: Kept) {
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

  /** What is known to follow comes last. */
  messages(id: number, since: readonly Message[]): readonly Message[] {
    const have = this.#messages.get(id) ?? [];
    const news = since.filter(({ seq }) => seq > (have.at(-1)?.seq ?? 0));
    return news.length === 0 ? have : [...have, ...news];
  }
}
