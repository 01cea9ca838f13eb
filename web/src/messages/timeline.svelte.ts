/**
 * The part of a conversation that is displayed: its newest messages, or those around a given one. Loads more in both
 * directions, and another part when a message elsewhere is requested. Knows no element.
 */

import { ChatError, type Message, type PageOf } from "chatserver-client";
import { untrack } from "svelte";
import type { Session } from "../session/session.svelte.js";
import { indexOf, outsideThreads, Waiting } from "./rows.js";

/** Messages per request. */
export const PAGE = 80;
/** Number of known messages with which the list opens without a request. */
const ENOUGH = 40;
/** Number of unread messages above which the list opens at the first of them. */
const UNREAD_AT_ONCE = 100;

/** The message to scroll to, and its position on the screen. A new object for each request. */
export interface Goal {
  seq: number;
  align: "start" | "center" | "end";
  /** Whether it is highlighted for a moment. */
  isMarked: boolean;
}

export class Timeline {
  /** Changes when another part is shown; the scroll position of the previous part is then dropped. */
  part = $state(0);
  goal = $state.raw<Goal | undefined>();
  isLoading = $state(false);
  error = $state.raw<unknown>();
  /** `seq` up to which everything had been read on opening; only if something was unread. */
  readUpTo = $state.raw<number | undefined>();
  /** Number of the last request; results of earlier ones are dropped. */
  #asked = 0;
  /** A `seq` within the displayed part; `undefined` for the newest part. */
  #around = $state.raw<number | undefined>();
  #isStartReached = $state(false);
  /** The chat's generation when the part was loaded. */
  #generation = $state(0);
  readonly #pages = new Set<"older" | "newer">();
  readonly #waiting = new Waiting();
  #filtered: { from: readonly Message[]; rows: readonly Message[] } = { from: [], rows: [] };
  #last: readonly Message[] = [];

  constructor(
    readonly session: Session,
    readonly id: number,
  ) {
    this.#generation = untrack(() => session.chat.generation);
  }

  /** All messages of the part, including those in threads. */
  get messages(): readonly Message[] {
    const { chat } = this.session;
    return this.#around === undefined ? chat.messages(this.id) : chat.stretch(this.id, this.#around);
  }

  /** Whether the part extends to the newest message. */
  get isNewest(): boolean {
    return this.#around === undefined || this.messages === this.session.chat.messages(this.id);
  }

  get isFromStart(): boolean {
    const first = this.messages[0];
    return this.#isStartReached || first === undefined || first.seq <= 1;
  }

  /** Whether the state was cleared and the part has to be reloaded. */
  get isStale(): boolean {
    return this.#generation !== this.session.chat.generation;
  }

  /** The displayed rows: the part's messages outside of threads, then those waiting to be sent. */
  readonly rows = $derived.by((): readonly Message[] => {
    const { chat, client } = this.session;
    // The chat reports loaded messages slightly later, but the initial position is needed at once.
    void this.part;
    // Not a separate derived value: an accepted message leaves the outbox before the list is updated, and would
    // disappear for a moment.
    const waits = chat.waiting(this.#addresses()).filter((op) => !("thread_id" in op));
    if (this.isStale) return this.#last;
    const { messages } = this;
    if (messages !== this.#filtered.from) this.#filtered = { from: messages, rows: outsideThreads(messages) };
    const { rows } = this.#filtered;
    const waiting = this.isNewest ? this.#waiting.messages(waits, chat.me, (id) => client.state.message(id)) : [];
    return (this.#last = waiting.length === 0 ? rows : [...rows, ...waiting]);
  });

  #addresses(): { conversation_id: number; user_id?: number | null; group_id?: number | null } {
    const { user_id = null, group_id = null } = this.session.chat.conversation(this.id) ?? {};
    return { conversation_id: this.id, user_id, group_id };
  }

  /** Opens at the first unread message, or else at the newest. */
  async open(): Promise<void> {
    const { chat } = this.session;
    const { unread = 0, read_seq = 0 } = chat.conversation(this.id) ?? {};
    this.readUpTo = unread > 0 ? read_seq : undefined;
    if (unread > UNREAD_AT_ONCE && !chat.isSnapshot) return this.showAround(read_seq + 1, "start");
    await this.#show(async () => {
      await this.session.prefetched(this.id);
      const isEnough = this.messages.length >= ENOUGH + unread || this.messages[0]?.seq === 1 || chat.isSnapshot;
      if (!isEnough) await this.#page({ limit: PAGE + unread });
      if (unread === 0) return { around: undefined, goal: { seq: Infinity, align: "end" } };
      const seq = this.#firstOfOthers(read_seq + 1);
      this.readUpTo = seq - 1;
      return { around: undefined, goal: { seq, align: "start" } };
    });
  }

  /** Returns the `seq` of the first message from there on by another user: own messages are not news. */
  #firstOfOthers(from: number): number {
    const { messages, session } = this;
    const after = messages.slice(indexOf(messages, from));
    return after.find(({ sender_id, thread_id }) => sender_id !== session.chat.me && thread_id === null)?.seq ?? from;
  }

  /** Shows the newest messages. */
  async showNewest(): Promise<void> {
    if (this.isNewest && !this.isStale) {
      this.goal = { seq: Infinity, align: "end", isMarked: false };
      return;
    }
    await this.#show(async () => {
      if (this.session.client.state.messages(this.id).length < ENOUGH) await this.#page({ limit: PAGE });
      return { around: undefined, goal: { seq: Infinity, align: "end" } };
    });
  }

  /** Shows a message, wherever it is; one in a thread is shown there. */
  async show(messageId: number): Promise<void> {
    const { client, place, notices } = this.session;
    const find = async (id: number): Promise<Message> =>
      client.state.message(id) ?? (await client.rest.get("/v1/messages/{id}", { path: { id } }));
    const message = await notices.try(find(messageId));
    if (message === undefined) return this.part === 0 ? this.open() : undefined;
    const root = message.thread_id === null ? message : await notices.try(find(message.thread_id));
    if (message.thread_id !== null) place.panel = { kind: "thread", root: message.thread_id };
    if (root !== undefined) await this.showAround(root.seq, "center", true);
  }

  async showAround(seq: number, align: Goal["align"], isMarked = false): Promise<void> {
    const { state } = this.session.client;
    const here = state.stretch(this.id, seq);
    if (!this.isStale && here.length > 0 && here === this.messages && this.part > 0) {
      this.#asked += 1;
      this.goal = { seq, align, isMarked };
      return;
    }
    await this.#show(async () => {
      const half = PAGE / 2;
      await Promise.all([
        this.#page({ before_seq: seq + 1, limit: half }),
        this.#page({ after_seq: seq, limit: half }),
      ]);
      return { around: seq, goal: { seq, align, isMarked } };
    });
  }

  /** Reloads what was displayed after the state was cleared. */
  async reload(seq: number | undefined): Promise<void> {
    if (seq === undefined) await this.showNewest();
    else await this.showAround(seq, "start");
  }

  async loadOlder(): Promise<void> {
    const first = this.messages[0];
    if (this.isFromStart || this.isStale || first === undefined) return;
    await this.#more("older", async () => {
      const found = await this.#page({ before_seq: first.seq, limit: PAGE });
      // All earlier messages were deleted for this user.
      if (found.length === 0) this.#isStartReached = true;
    });
  }

  async loadNewer(): Promise<void> {
    const last = this.messages.at(-1);
    if (this.isNewest || this.isStale || last === undefined) return;
    await this.#more("newer", async () => {
      const found = await this.#page({ after_seq: last.seq, limit: PAGE });
      if (found.length === 0) this.#around = undefined;
    });
  }

  /** Loads more at one end, one request at a time. */
  async #more(end: "older" | "newer", load: () => Promise<void>): Promise<void> {
    if (this.#pages.has(end) || this.error !== undefined || this.session.chat.isSnapshot) return;
    this.#pages.add(end);
    try {
      await load();
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#pages.delete(end);
    }
  }

  /** Displays another part, unless something else is requested before it is loaded. */
  async #show(
    load: () => Promise<{ around: number | undefined; goal: Omit<Goal, "isMarked"> & Partial<Goal> }>,
  ): Promise<void> {
    const asked = (this.#asked += 1);
    this.isLoading = true;
    this.error = undefined;
    try {
      const { around, goal } = await load();
      if (asked !== this.#asked) return;
      this.#around = around;
      this.#isStartReached = false;
      this.#generation = this.session.chat.generation;
      this.part += 1;
      this.goal = { isMarked: false, ...goal };
    } catch (error) {
      if (asked === this.#asked) this.#failed(error);
    } finally {
      if (asked === this.#asked) this.isLoading = false;
    }
  }

  async #page(of: PageOf): Promise<Message[]> {
    const found = await this.session.client.history(this.id, of);
    this.session.chat.touched(this.id);
    return found;
  }

  #failed(error: unknown): void {
    if (!(error instanceof ChatError && error.code === "closed")) this.error = error;
  }

  /** Retries what has failed. */
  async retry(): Promise<void> {
    this.error = undefined;
    if (this.part === 0 || this.isStale) await this.open();
  }
}
