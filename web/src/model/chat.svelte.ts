/**
 * Makes the SDK client's state reactive: components that read a conversation, its messages or its receipts here are
 * updated when these change. Adds no state of its own except who is typing.
 */

import type { ChatClient, Conversation, Message, MessageOp, Pointers, PresenceFrame, Status } from "chatserver-client";
import type { Snapshot } from "./snapshot.js";
import { Ticks } from "./ticks.svelte.js";
import { Typists } from "./typists.svelte.js";

/** The key of the list as a whole. */
const ALL = 0;

export class Chat {
  readonly typists = new Typists();
  /** Status of the connection. */
  status = $state.raw<Status>({ status: "closed" });
  /** Messages that the server has not accepted yet, oldest first. */
  outbox = $state.raw<readonly MessageOp[]>([]);
  /** Incremented by every `resync`: what is on the screen has to be reloaded. */
  generation = $state(0);
  /** Whether the list of conversations is loaded. */
  isLoaded = $state(false);

  /** The stored state, shown until the server's is loaded. */
  #snapshot = $state.raw<Snapshot | undefined>();
  readonly #conversations = new Ticks<number>();
  readonly #messages = new Ticks<number>();
  readonly #receipts = new Ticks<number>();
  readonly #presence = new Ticks<number>();
  readonly #saved = new Ticks<number>();

  constructor(readonly client: ChatClient) {
    // The client may have been running before.
    this.status = client.status;
    this.outbox = [...client.outbox];
    this.#listen();
  }

  /** Id of the user; 0 until it is known. */
  get me(): number {
    void this.status;
    return this.client.state.userId || (this.#snapshot?.me ?? 0);
  }

  /** Whether the displayed state is the stored one, because the server has not answered yet. */
  get isSnapshot(): boolean {
    return this.#snapshot !== undefined;
  }

  get isLive(): boolean {
    return this.status.status === "live";
  }

  /** All conversations, newest message first. */
  get conversations(): Conversation[] {
    this.#conversations.follow(ALL);
    const all = this.#snapshot?.conversations ?? this.client.state.conversations();
    return all.filter(({ role }) => role !== null);
  }

  conversation(id: number): Conversation | undefined {
    this.#conversations.follow(id);
    return this.#snapshot?.conversation(id) ?? this.client.state.conversation(id);
  }

  /** Returns the direct conversation with a user, if there is one. */
  directWith(userId: number): Conversation | undefined {
    return this.conversations.find((conversation) => conversation.kind === "direct" && conversation.user_id === userId);
  }

  /** Returns the newest messages without a gap, by `seq`. */
  messages(conversationId: number): readonly Message[] {
    this.#messages.follow(conversationId);
    const known = this.client.state.messages(conversationId);
    return this.#snapshot?.messages(conversationId, known) ?? known;
  }

  /** Returns the messages around a `seq` without a gap; empty until `history` has loaded them. */
  stretch(conversationId: number, seq: number): readonly Message[] {
    this.#messages.follow(conversationId);
    return this.client.state.stretch(conversationId, seq);
  }

  message(id: number, conversationId: number): Message | undefined {
    this.#messages.follow(conversationId);
    return this.client.state.message(id);
  }

  /** Returns `PENDING`, `DELIVERED`, `READ` or `SENT`. */
  deliveryOf(message: Message): string {
    this.#receipts.follow(message.conversation_id);
    return this.client.state.status(message);
  }

  /** Returns a member's pointers. */
  pointers(conversationId: number, userId: number): Pointers {
    this.#receipts.follow(conversationId);
    return this.client.state.pointers(conversationId, userId);
  }

  presence(userId: number): PresenceFrame | undefined {
    this.#presence.follow(userId);
    return this.client.state.presence(userId);
  }

  /** Changes when a message is saved or no longer saved, on any device. */
  followSaved(): number {
    return this.#saved.follow(ALL);
  }

  /** Returns the messages waiting for a conversation, or for a user without one. */
  waiting(to: { conversation_id?: number; user_id?: number | null; group_id?: number | null }): readonly MessageOp[] {
    return this.outbox.filter(
      (op) =>
        (op.conversation_id !== undefined && op.conversation_id === to.conversation_id) ||
        (op.to_user !== undefined && op.to_user === to.user_id) ||
        (op.to_group !== undefined && op.to_group === to.group_id),
    );
  }

  /** Notes a change that the stream does not report: a page of history, or a change of per-member state. */
  touched(conversationId: number): void {
    this.#messages.touch(conversationId);
    this.#touchConversation(conversationId);
  }

  /** Shows stored state until the server's is loaded. */
  showSnapshot(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#touchAll();
  }

  /** Notes that the list of conversations is loaded. */
  loaded(): void {
    this.isLoaded = true;
    if (this.isSnapshot) this.#dropSnapshot();
  }

  #dropSnapshot(): void {
    this.#snapshot = undefined;
    this.generation += 1;
    this.#touchAll();
  }

  #listen(): void {
    const { client } = this;
    client.on("status", (status) => {
      this.status = status;
      if (status.status !== "live") this.typists.clear();
    });
    client.on("outbox", (ops) => (this.outbox = [...ops]));
    client.on("message", ({ conversation_id, message }) => {
      this.typists.stopped(conversation_id, message.sender_id);
      this.touched(conversation_id);
    });
    client.on("append", ({ conversation_id }) => this.touched(conversation_id));
    client.on("hidden", ({ conversation_id }) => this.touched(conversation_id));
    client.on("conversation", ({ id }) => this.#touchConversation(id));
    client.on("receipt", ({ conversation_id }) => {
      this.#receipts.touch(conversation_id);
      this.#touchConversation(conversation_id);
    });
    client.on("presence", ({ user_id }) => this.#presence.touch(user_id));
    client.on("saved", () => this.#saved.touch(ALL));
    client.on("typing", (frame) => this.typists.started(frame));
    client.on("live", () => {
      if (this.isSnapshot && this.#snapshot?.me !== client.state.userId) this.#dropSnapshot();
      this.#touchAll();
    });
    client.on("resync", () => {
      this.generation += 1;
      this.#touchAll();
    });
  }

  #touchConversation(id: number): void {
    this.#conversations.touch(id);
    this.#conversations.touch(ALL);
  }

  #touchAll(): void {
    for (const ticks of [this.#conversations, this.#messages, this.#receipts, this.#presence]) ticks.touchAll();
  }
}
