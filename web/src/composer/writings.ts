/**
 * The composers of one user, by target. Drafts of conversations are synced with the server, and so with the user's
 * other devices. Drafts of threads, and to users without a conversation yet, are stored only on this device.
 */

import type { ChatClient, Conversation } from "chatserver-client";
import type { Target } from "../place/place.svelte.js";
import type { UserStorage } from "../session/user_storage.js";
import { Draft, type StoredDraft } from "./draft.js";
import { isTooLong } from "./length.js";
import { Writing } from "./writing.svelte.js";

/** Pause in typing after which the draft is sent to the server. */
const REST_MS = 1000;
const NAME = "drafts";
const CONVERSATION = /^c(\d+)$/;

interface Entry {
  writing: Writing;
  draft: Draft;
  isPushing: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
}

function keyOf(target: Target, thread: number | undefined): string {
  const place = "conversation" in target ? `c${target.conversation}` : `u${target.user}`;
  return thread === undefined ? place : `${place}t${thread}`;
}

/** Returns the id of the conversation whose draft it is, if the server stores it. */
function conversationOf(key: string): number | undefined {
  const [, id] = CONVERSATION.exec(key) ?? [];
  return id === undefined ? undefined : Number(id);
}

export class Writings {
  readonly #entries = new Map<string, Entry>();
  #isClosed = false;

  constructor(
    readonly client: ChatClient,
    readonly storage: UserStorage,
  ) {
    client.on("conversation", (conversation) => this.#received(conversation));
    client.on("live", () => this.flush());
    for (const key of Object.keys(this.#stored())) this.#entry(key);
  }

  /** Returns the composer of a target. */
  of(target: Target, thread?: number): Writing {
    return this.#entry(keyOf(target, thread)).writing;
  }

  /** Moves what was begun before there was a conversation with the user into that conversation. */
  move(from: Target, to: Target): void {
    this.of(to).takeOver(this.of(from));
  }

  /** Sends all unsynced drafts to the server now. */
  flush(): void {
    for (const key of this.#entries.keys()) void this.#push(key);
  }

  /** Stops syncing and storing. */
  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#entries.values()) clearTimeout(timer);
  }

  #entry(key: string): Entry {
    const have = this.#entries.get(key);
    if (have !== undefined) return have;
    const draft = new Draft(this.#stored()[key]);
    const writing = new Writing((text) => this.#typed(key, text));
    const entry: Entry = { writing, draft, isPushing: false, timer: undefined };
    this.#entries.set(key, entry);
    const conversation = this.client.state.conversation(conversationOf(key) ?? 0);
    if (conversation !== undefined) this.#received(conversation);
    writing.fill(draft.text);
    return entry;
  }

  #typed(key: string, text: string): void {
    const entry = this.#entry(key);
    if (text === entry.draft.text) return;
    entry.draft.text = text;
    this.#store(key, entry.draft);
    clearTimeout(entry.timer);
    // A sent text must disappear from the drafts of all devices at once.
    entry.timer = setTimeout(() => void this.#push(key), text === "" ? 0 : REST_MS);
  }

  #received({ id, draft: remote }: Conversation): void {
    const key = keyOf({ conversation: id }, undefined);
    const entry = this.#entries.get(key);
    if (entry === undefined || remote === undefined) return;
    if (entry.draft.receive(remote ?? "")) entry.writing.fill(entry.draft.text);
    this.#store(key, entry.draft);
  }

  async #push(key: string): Promise<void> {
    const entry = this.#entry(key);
    const { draft } = entry;
    const id = conversationOf(key);
    clearTimeout(entry.timer);
    const isWanted = id !== undefined && draft.isDirty && !isTooLong(draft.text);
    if (!isWanted || entry.isPushing || this.#isClosed || this.client.status.status !== "live") return;
    entry.isPushing = true;
    const text = draft.pushing();
    try {
      const body = { draft: text === "" ? null : text };
      await this.client.rest.patch("/v1/conversations/{id}/state", { path: { id }, body });
      draft.pushed(text);
      this.#store(key, draft);
    } catch {
      // The draft is stored here, and sent with the next change or after the next connect.
      draft.failed(text);
    }
    entry.isPushing = false;
    if (draft.text !== text) void this.#push(key);
  }

  #stored(): Record<string, StoredDraft> {
    return (this.storage.get(NAME) ?? {}) as Record<string, StoredDraft>;
  }

  /** Stores one draft. Others stay as they are, because other tabs store theirs under the same key. */
  #store(key: string, draft: Draft): void {
    if (this.#isClosed) return;
    const { [key]: before, ...others } = this.#stored();
    const { stored } = draft;
    if (before?.text === stored?.text && before?.base === stored?.base) return;
    this.storage.set(NAME, stored === undefined ? others : { ...others, [key]: stored });
  }
}
