/**
 * The part of a conversation that is on the screen: its newest messages, or those around some place. Loads more of it in
 * both directions, and another part when a message elsewhere is wanted. Knows no element.
 */

import { ChatError, type Message, type PageOf } from "chatserver-client";
import { untrack } from "svelte";
import type { Session } from "../session/session.svelte.js";
import { indexOf, outsideThreads, Waiting } from "./rows.js";

/** Of one request. */
export const PAGE = 80;
/** So many known messages are enough to begin with. */
const ENOUGH = 40;
/** Where more than these wait to be read, one begins at the first of them. */
const UNREAD_AT_ONCE = 100;

/** What is to be brought onto the screen, and where. A new object each time. */
export interface Goal {
  seq: number;
  align: "start" | "center" | "end";
  /** Shown for a moment. */
  isMarked: boolean;
}

export class Timeline {
  /** Another number when another part is shown: then nothing of the former one's place is kept. */
  part = $state(0);
  goal = $state.raw<Goal | undefined>();
  isLoading = $state(false);
  error = $state.raw<unknown>();
  /** Up to where everything had been read when the conversation was opened; only if something waited. */
  readUpTo = $state.raw<number | undefined>();
  /** What was asked for last; what comes for anything before it is not wanted. */
  #asked = 0;
  /** Somewhere in the part that is shown; absent for the newest. */
  #around = $state.raw<number | undefined>();
  #isStartReached = $state(false);
  /** That of the chat when the part was loaded. */
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

  /** All messages of the part, those in threads included. */
  get messages(): readonly Message[] {
    const { chat } = this.session;
    return this.#around === undefined ? chat.messages(this.id) : chat.stretch(this.id, this.#around);
  }

  /** Whether the part goes on to the newest message. */
  get isNewest(): boolean {
    return this.#around === undefined || this.messages === this.session.chat.messages(this.id);
  }

  get isFromStart(): boolean {
    const first = this.messages[0];
    return this.#isStartReached || first === undefined || first.seq <= 1;
  }

  /** Whether the state was emptied and the part is to be loaded again. */
  get isStale(): boolean {
    return this.#generation !== this.session.chat.generation;
  }

  /** What stands below each other: the part's messages outside of threads, then what waits to be sent. */
  readonly rows = $derived.by((): readonly Message[] => {
    const { chat, client } = this.session;
    // The chat tells of what was loaded a little later; where to begin is looked for at once.
    void this.part;
    // Not derived apart: a message that was accepted leaves the outbox before the list is told, and would be gone for a moment.
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

  /** Begins where something waits to be read, else at the newest message. */
  async open(): Promise<void> {
    const { chat } = this.session;
    const { unread = 0, read_seq = 0 } = chat.conversation(this.id) ?? {};
    this.readUpTo = unread > 0 ? read_seq : undefined;
    if (unread > UNREAD_AT_ONCE && !chat.isRecalled) return this.showAround(read_seq + 1, "start");
    await this.#show(async () => {
      await this.session.ahead(this.id);
      const isEnough = this.messages.length >= ENOUGH + unread || this.messages[0]?.seq === 1 || chat.isRecalled;
      if (!isEnough) await this.#page({ limit: PAGE + unread });
      if (unread === 0) return { around: undefined, goal: { seq: Infinity, align: "end" } };
      const seq = this.#firstOfOthers(read_seq + 1);
      this.readUpTo = seq - 1;
      return { around: undefined, goal: { seq, align: "start" } };
    });
  }

  /** The first from there on that is news to us, which our own messages are not. */
  #firstOfOthers(from: number): number {
    const { messages, session } = this;
    const after = messages.slice(indexOf(messages, from));
    return after.find(({ sender_id, thread_id }) => sender_id !== session.chat.me && thread_id === null)?.seq ?? from;
  }

  /** Goes to the newest messages. */
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

  /** Goes to a message, wherever it is; one in a thread is shown there. */
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

  /** Loads what was on the screen again, after the state has been emptied. */
  async reload(seq: number | undefined): Promise<void> {
    if (seq === undefined) await this.showNewest();
    else await this.showAround(seq, "start");
  }

  async loadOlder(): Promise<void> {
    const first = this.messages[0];
    if (this.isFromStart || this.isStale || first === undefined) return;
    await this.#more("older", async () => {
      const found = await this.#page({ before_seq: first.seq, limit: PAGE });
      // What is left before it was deleted for ourselves.
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

  /** Loads at one end, once at a time. */
  async #more(end: "older" | "newer", load: () => Promise<void>): Promise<void> {
    if (this.#pages.has(end) || this.error !== undefined || this.session.chat.isRecalled) return;
    this.#pages.add(end);
    try {
      await load();
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#pages.delete(end);
    }
  }

  /** Puts another part onto the screen, unless something else is asked for before it has come. */
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

  /** Tries once more what has failed. */
  async again(): Promise<void> {
    this.error = undefined;
    if (this.part === 0 || this.isStale) await this.open();
  }
}
