/** A thread: its root, the loaded replies, and how far they have been read. */

import { ChatError, type Message } from "chatserver-client";
import { Waiting } from "../messages/rows.js";
import type { Session } from "../session/session.svelte.js";

const PAGE = 50;

export class Thread {
  state = $state<"loading" | "done" | "failed" | "gone">("loading");
  hasEarlier = $state(false);
  isLoadingEarlier = $state(false);
  /** `seq` up to which the thread had been read when it was opened. */
  readSeq = $state(0);

  #root = $state.raw<Message | undefined>();
  /** Loaded replies by `seq`. */
  #replies = $state.raw<readonly Message[]>([]);
  #reportedSeq = 0;
  #loads = 0;
  readonly #waiting = new Waiting();

  constructor(
    readonly session: Session,
    readonly id: number,
  ) {}

  get root(): Message | undefined {
    return this.#root === undefined ? undefined : this.#latest(this.#root);
  }

  /** Loaded replies, followed by those waiting to be sent. */
  get replies(): readonly Message[] {
    const { chat } = this.session;
    const root = this.#root;
    if (root === undefined) return [];
    const conversation = chat.conversation(root.conversation_id) ?? {};
    const ops = chat.waiting({ ...conversation, conversation_id: root.conversation_id });
    const own = ops.filter((op) => "thread_id" in op && op.thread_id === this.id);
    const find = (id: number): Message | undefined => chat.message(id, root.conversation_id);
    return [...this.#replies.map((reply) => this.#latest(reply)), ...this.#waiting.messages(own, chat.me, find)];
  }

  /** Follows the stream. Returns a function that stops it. */
  follow(): () => void {
    const { client } = this.session;
    const removers = [
      client.on("message", ({ message }) => {
        if (message.thread_id === this.id && this.state === "done") this.#put([message]);
      }),
      client.on("hidden", ({ message_id }) => {
        this.#replies = this.#replies.filter((reply) => reply.id !== message_id);
      }),
    ];
    return () => removers.forEach((remove) => remove());
  }

  async load(): Promise<void> {
    const load = (this.#loads += 1);
    const { rest } = this.session.client;
    try {
      const { root, read_seq } = await rest.get("/v1/messages/{id}/thread", { path: { id: this.id } });
      const replies = await this.#page(root.conversation_id);
      if (load !== this.#loads) return;
      if (this.state !== "done") this.readSeq = read_seq;
      this.#reportedSeq = read_seq;
      this.#root = root;
      this.#replies = [];
      this.#put(replies);
      this.hasEarlier = replies.length === PAGE;
      this.state = "done";
    } catch (error) {
      if (load !== this.#loads || this.state === "done") return;
      const isGone = error instanceof ChatError && (error.status === 404 || error.status === 403);
      this.state = isGone ? "gone" : "failed";
    }
  }

  async earlier(): Promise<void> {
    const [first] = this.#replies;
    if (first === undefined || this.isLoadingEarlier) return;
    this.isLoadingEarlier = true;
    const page = await this.session.notices.try(this.#page(first.conversation_id, first.seq));
    this.isLoadingEarlier = false;
    if (page === undefined) return;
    this.#put(page);
    this.hasEarlier = page.length === PAGE;
  }

  /** Marks the loaded replies as read. */
  read(): void {
    const last = this.#replies.at(-1);
    if (last === undefined || last.seq <= this.#reportedSeq) return;
    this.#reportedSeq = last.seq;
    // A failure is ignored: the next reply reports a later `seq`.
    this.session.client.read(last.conversation_id, last.seq, this.id).catch(() => undefined);
  }

  async #page(conversation: number, before?: number): Promise<readonly Message[]> {
    const query = { thread_id: this.id, limit: PAGE, lean: 1, ...(before === undefined ? {} : { before_seq: before }) };
    const path = { id: conversation };
    const { messages } = await this.session.client.rest.get("/v1/conversations/{id}/messages", { path, query });
    return messages;
  }

  #put(messages: readonly Message[]): void {
    const coming = new Set(messages.map(({ id }) => id));
    const others = this.#replies.filter(({ id }) => !coming.has(id));
    this.#replies = [...others, ...messages].sort((a, b) => a.seq - b.seq);
  }

  #latest(message: Message): Message {
    const known = this.session.chat.message(message.id, message.conversation_id);
    return known !== undefined && known.rev >= message.rev ? known : message;
  }
}
