/**
 * What the SDK's client knows, for components to follow: whoever reads a conversation, its messages or its receipts here
 * is drawn again when they change. Holds nothing of its own but who types.
 */

import type { ChatClient, Conversation, Message, MessageOp, Pointers, PresenceFrame, Status } from "chatserver-client";
import type { Recalled } from "./recalled.js";
import { Ticks } from "./ticks.svelte.js";
import { Typists } from "./typists.svelte.js";

/** What stands for the list as a whole. */
const ALL = 0;

export class Chat {
  readonly typists = new Typists();
  /** Of the connection. */
  status = $state.raw<Status>({ status: "closed" });
  /** What waits to be accepted by the server, oldest first. */
  outbox = $state.raw<readonly MessageOp[]>([]);
  /** Moves with every `resync`: what is on the screen has to be loaded again. */
  generation = $state(0);
  /** Whether the list of conversations has come. */
  isLoaded = $state(false);

  /** Shown until the server has told what is there. */
  #recalled = $state.raw<Recalled | undefined>();
  readonly #conversations = new Ticks<number>();
  readonly #messages = new Ticks<number>();
  readonly #receipts = new Ticks<number>();
  readonly #presence = new Ticks<number>();
  readonly #saved = new Ticks<number>();

  constructor(readonly client: ChatClient) {
    // It may have been at work before.
    this.status = client.status;
    this.outbox = [...client.outbox];
    this.#listen();
  }

  /** Who we are; 0 until that is known. */
  get me(): number {
    void this.status;
    return this.client.state.userId || (this.#recalled?.me ?? 0);
  }

  /** Whether what is shown is what was there before, since the server has not been heard yet. */
  get isRecalled(): boolean {
    return this.#recalled !== undefined;
  }

  get isLive(): boolean {
    return this.status.status === "live";
  }

  /** All conversations, the one with the newest message first. */
  get conversations(): Conversation[] {
    this.#conversations.follow(ALL);
    const all = this.#recalled?.conversations ?? this.client.state.conversations();
    return all.filter(({ role }) => role !== null);
  }

  conversation(id: number): Conversation | undefined {
    this.#conversations.follow(id);
    return this.#recalled?.conversation(id) ?? this.client.state.conversation(id);
  }

  /** The conversation with a user, if there is one. */
  directWith(userId: number): Conversation | undefined {
    return this.conversations.find((conversation) => conversation.kind === "direct" && conversation.user_id === userId);
  }

  /** The newest messages without a hole, by `seq`. */
  messages(conversationId: number): readonly Message[] {
    this.#messages.follow(conversationId);
    const known = this.client.state.messages(conversationId);
    return this.#recalled?.messages(conversationId, known) ?? known;
  }

  /** The messages around a place, without a hole; empty until `history` has loaded them. */
  stretch(conversationId: number, seq: number): readonly Message[] {
    this.#messages.follow(conversationId);
    return this.client.state.stretch(conversationId, seq);
  }

  message(id: number, conversationId: number): Message | undefined {
    this.#messages.follow(conversationId);
    return this.client.state.message(id);
  }

  /** `PENDING`, `DELIVERED`, `READ` or `SENT`. */
  deliveryOf(message: Message): string {
    this.#receipts.follow(message.conversation_id);
    return this.client.state.status(message);
  }

  /** How far a member has come. */
  pointers(conversationId: number, userId: number): Pointers {
    this.#receipts.follow(conversationId);
    return this.client.state.pointers(conversationId, userId);
  }

  presence(userId: number): PresenceFrame | undefined {
    this.#presence.follow(userId);
    return this.client.state.presence(userId);
  }

  /** Moves when something is saved or no longer saved, on any device. */
  followSaved(): number {
    return this.#saved.follow(ALL);
  }

  /** What waits to be sent to a conversation, or to a user with whom there is none yet. */
  waiting(to: { conversation_id?: number; user_id?: number | null; group_id?: number | null }): readonly MessageOp[] {
    return this.outbox.filter(
      (op) =>
        (op.conversation_id !== undefined && op.conversation_id === to.conversation_id) ||
        (op.to_user !== undefined && op.to_user === to.user_id) ||
        (op.to_group !== undefined && op.to_group === to.group_id),
    );
  }

  /** Something that the stream does not tell was learned: a page of history, a change of our own part. */
  touched(conversationId: number): void {
    this.#messages.touch(conversationId);
    this.#touchConversation(conversationId);
  }

  /** Shows what was there before, until the server is heard. */
  recall(past: Recalled): void {
    this.#recalled = past;
    this.#everything();
  }

  /** The list of conversations has come. */
  loaded(): void {
    this.isLoaded = true;
    if (this.isRecalled) this.#forgetRecalled();
  }

  #forgetRecalled(): void {
    this.#recalled = undefined;
    this.generation += 1;
    this.#everything();
  }

  #listen(): void {
    const { client } = this;
    client.on("status", (status) => {
      this.status = status;
      if (status.status !== "live") this.typists.clear();
    });
    client.on("outbox", (ops) => (this.outbox = [...ops]));
    client.on("message", ({ conversation_id, message }) => {
      this.typists.ceased(conversation_id, message.sender_id);
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
    client.on("typing", (frame) => this.typists.types(frame));
    client.on("live", () => {
      if (this.isRecalled && this.#recalled?.me !== client.state.userId) this.#forgetRecalled();
      this.#everything();
    });
    client.on("resync", () => {
      this.generation += 1;
      this.#everything();
    });
  }

  #touchConversation(id: number): void {
    this.#conversations.touch(id);
    this.#conversations.touch(ALL);
  }

  #everything(): void {
    for (const ticks of [this.#conversations, this.#messages, this.#receipts, this.#presence]) ticks.touchAll();
  }
}
