/**
 * All that one user is writing, by place. Drafts of conversations are kept in step with the server, and so with the user's
 * other devices; those of threads, and to users with whom there is no conversation yet, are kept on this device alone.
 */

import type { ChatClient, Conversation } from "chatserver-client";
import type { Target } from "../place/place.svelte.js";
import type { Shelf } from "../session/shelf.js";
import { Draft, type KeptDraft } from "./draft.js";
import { isTooLong } from "./length.js";
import { Writing } from "./writing.svelte.js";

/** How long the hands have to rest until the server is told. */
const REST_MS = 1000;
const SHELF = "drafts";
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

/** The conversation whose draft it is, where the server keeps it. */
function conversationOf(key: string): number | undefined {
  const [, id] = CONVERSATION.exec(key) ?? [];
  return id === undefined ? undefined : Number(id);
}

export class Writings {
  readonly #entries = new Map<string, Entry>();
  #isClosed = false;

  constructor(
    readonly client: ChatClient,
    readonly shelf: Shelf,
  ) {
    client.on("conversation", (conversation) => this.#told(conversation));
    client.on("live", () => this.flush());
    for (const key of Object.keys(this.#shelved())) this.#entry(key);
  }

  /** What is being written there. */
  of(target: Target, thread?: number): Writing {
    return this.#entry(keyOf(target, thread)).writing;
  }

  /** The conversation with a user is there now: what was begun before goes on in it. */
  move(from: Target, to: Target): void {
    this.of(to).takeOver(this.of(from));
  }

  /** Tells the server now what it has yet to learn. */
  flush(): void {
    for (const key of this.#entries.keys()) void this.#push(key);
  }

  /** From now on nothing is told and nothing is kept. */
  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#entries.values()) clearTimeout(timer);
  }

  #entry(key: string): Entry {
    const have = this.#entries.get(key);
    if (have !== undefined) return have;
    const draft = new Draft(this.#shelved()[key]);
    const writing = new Writing((text) => this.#typed(key, text));
    const entry: Entry = { writing, draft, isPushing: false, timer: undefined };
    this.#entries.set(key, entry);
    const conversation = this.client.state.conversation(conversationOf(key) ?? 0);
    if (conversation !== undefined) this.#told(conversation);
    writing.fill(draft.text);
    return entry;
  }

  #typed(key: string, text: string): void {
    const entry = this.#entry(key);
    if (text === entry.draft.text) return;
    entry.draft.text = text;
    this.#keep(key, entry.draft);
    clearTimeout(entry.timer);
    // What has been sent is no draft any longer, on no device.
    entry.timer = setTimeout(() => void this.#push(key), text === "" ? 0 : REST_MS);
  }

  #told({ id, draft: remote }: Conversation): void {
    const key = keyOf({ conversation: id }, undefined);
    const entry = this.#entries.get(key);
    if (entry === undefined || remote === undefined) return;
    if (entry.draft.told(remote ?? "")) entry.writing.fill(entry.draft.text);
    this.#keep(key, entry.draft);
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
      this.#keep(key, draft);
    } catch {
      // It is kept here, and told with the next change or the next connection.
      draft.failed(text);
    }
    entry.isPushing = false;
    if (draft.text !== text) void this.#push(key);
  }

  #shelved(): Record<string, KeptDraft> {
    return (this.shelf.get(SHELF) ?? {}) as Record<string, KeptDraft>;
  }

  /** Other tabs keep theirs in the same place: only this one is changed. */
  #keep(key: string, draft: Draft): void {
    if (this.#isClosed) return;
    const { [key]: before, ...others } = this.#shelved();
    const { kept } = draft;
    if (before?.text === kept?.text && before?.base === kept?.base) return;
    this.shelf.set(SHELF, kept === undefined ? others : { ...others, [key]: kept });
  }
}
