/** The content of the conversation list, shared by its rows and by keyboard navigation. */

import type { Conversation } from "chatserver-client";
import type { Chat } from "../model/chat.svelte.js";
import type { People, User } from "../model/people.svelte.js";
import { theSession, type Session } from "../session/session.svelte.js";
import { say } from "../strings.js";
import { arrange, matching } from "./order.js";

export type Entry =
  | { kind: "conversation"; key: string; conversation: Conversation }
  | { kind: "person"; key: string; user: User }
  | { kind: "heading"; key: string; text: string }
  /** Opens the archive, or leads back from it. */
  | { kind: "archive"; key: string; isBack: boolean; count: number; unread: number }
  | { kind: "search"; key: string; text: string };

class Listing {
  /** The search text; all conversations are shown while it is empty. */
  filter = $state("");
  showsArchived = $state(false);
  /** Incremented to move the focus into the filter field. */
  focusCount = $state(0);
  /** Users whose names begin with the filter. */
  found = $state.raw<readonly User[]>([]);
  /** The search text that `found` belongs to. */
  #answered = $state("");

  readonly #chat: Chat;
  readonly #people: People;
  readonly #arranged = $derived.by(() => arrange(this.#chat.conversations));

  constructor(chat: Chat, people: People) {
    this.#chat = chat;
    this.#people = people;
  }

  /** The rows, from the top. */
  readonly entries = $derived.by<Entry[]>(() => {
    const text = this.filter.trim();
    if (text !== "") return this.#filtered(text);
    const { present, archived } = this.#arranged;
    if (archived.length === 0) return present.map(row);
    const unread = archived.reduce((sum, { unread = 0 }) => sum + unread, 0);
    const archive: Entry = {
      kind: "archive",
      key: "archive",
      isBack: this.showsArchived,
      count: archived.length,
      unread,
    };
    return this.showsArchived ? [archive, ...archived.map(row)] : [...present.map(row), archive];
  });

  /** The conversations in display order. */
  get inOrder(): Conversation[] {
    return this.entries.flatMap((entry) => (entry.kind === "conversation" ? [entry.conversation] : []));
  }

  /** Number of unread messages, without muted and archived conversations. A mark as unread counts as one. */
  unreadMessages(isMuted: (conversation: Conversation) => boolean): number {
    const counted = this.#arranged.present.filter((conversation) => !isMuted(conversation));
    return counted.reduce((sum, { unread = 0, marked_unread = false }) => sum + (unread || Number(marked_unread)), 0);
  }

  nameOf({ name, user_id }: Conversation): string {
    return name ?? this.#people.name(user_id ?? 0);
  }

  /** Searches users whose names begin with the filter. */
  async search(): Promise<void> {
    const text = this.filter.trim();
    if (text === "") {
      this.found = [];
      return;
    }
    // If this search fails, the results of the previous one must not stay.
    let found: readonly User[] = [];
    try {
      found = await this.#people.search(text.replace(/^@/, ""), 8);
      if (this.filter.trim() === text) this.#answered = text;
    } finally {
      if (this.filter.trim() === text) this.found = found;
    }
  }

  #filtered(text: string): Entry[] {
    const { present, archived } = this.#arranged;
    // Matches only known names, so that one keystroke does not request a thousand users.
    const known = ({ name, user_id }: Conversation): string => name ?? this.#people.known(user_id ?? 0)?.username ?? "";
    const matched = matching([...present, ...archived], text.replace(/^@/, ""), known);
    const partners = new Set(matched.map(({ user_id }) => user_id));
    const people = this.found.filter(({ id }) => id !== this.#chat.me && !partners.has(id));
    const nothingFound = matched.length + people.length === 0 && this.#answered === text;
    return [
      ...(nothingFound ? [{ kind: "heading" as const, key: "none", text: say.conversations.noneFound }] : []),
      ...matched.map(row),
      ...(people.length === 0 ? [] : [{ kind: "heading" as const, key: "people", text: say.conversations.people }]),
      ...people.map((user): Entry => ({ kind: "person", key: `u${user.id}`, user })),
      { kind: "search", key: "search", text },
    ];
  }
}

const all = new WeakMap<Session, Listing>();

/** Returns the list of a session. */
export function listingOf(session: Session): Listing {
  const have = all.get(session) ?? new Listing(session.chat, session.people);
  all.set(session, have);
  return have;
}

/** Returns the list of the session that the component belongs to. */
export function theListing(): Listing {
  return listingOf(theSession());
}

/** Rows are reused until their conversation changes, so that a list of thousands is not rebuilt with every message. */
const rows = new WeakMap<Conversation, Entry>();

function row(conversation: Conversation): Entry {
  const have = rows.get(conversation) ?? { kind: "conversation", key: `c${conversation.id}`, conversation };
  rows.set(conversation, have);
  return have;
}
