/**
 * The client: one user's view of a server, kept up to date, and the user's actions.
 * Connects the link, the pending requests, the outbox and the receiver; contains none of their rules.
 */

import { Emitter } from "./emitter.js";
import { ChatError } from "./error.js";
import { newKey } from "./key.js";
import { Link, type Status } from "./link.js";
import { ANSWER_MS, STORAGE_KEY, webSocketOf, type ChatEvents, type ChatOptions } from "./options.js";
import { Outbox } from "./outbox.js";
import { CLOSE, type AckFrame, type Draft, type HelloFrame, type Message, type MessageOp, type Op, type Target } from "./protocol.js";
import { Receiver } from "./receiver.js";
import { Requests } from "./requests.js";
import type { Answer } from "./rest-shape.js";
import { Rest } from "./rest.js";
import { ChatState, type PageOf } from "./state.js";

/** Minimum interval between typing signals. Other clients show one for about 6 seconds. */
const TYPING_EVERY_MS = 3000;

interface Waiting {
  resolve: () => void;
  reject: (error: ChatError) => void;
}

export class ChatClient {
  /** Everything the client knows: conversations, messages, receipts, presence. */
  readonly state = new ChatState();
  readonly rest: Rest;

  readonly #options: ChatOptions;
  readonly #token: () => string | Promise<string>;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #events: Emitter<ChatEvents>;
  readonly #requests: Requests;
  readonly #receiver: Receiver;
  readonly #link: Link;
  readonly #outbox: Outbox | undefined;
  /** Id of the user whose messages the stored outbox contains; 0 if unknown. */
  #outboxUser = 0;
  #restored: Promise<void> | undefined;
  #waiting: Waiting[] = [];
  readonly #typedAt = new Map<number, number>();
  /** The latest op of each kind that the server forgets with the connection and that is resent on the next one. */
  readonly #sticky = new Map<string, Op>();

  constructor(options: ChatOptions) {
    const { token, getToken, storage, storageKey = STORAGE_KEY } = options;
    if (token === undefined && getToken === undefined) throw new TypeError("A client needs a token or getToken");
    this.#options = options;
    this.#token = getToken ?? (() => token!);
    this.#now = options.now ?? (() => performance.now());
    this.#random = options.random ?? Math.random;
    this.#events = new Emitter((error) => this.#failed(error));
    this.rest = this.#makeRest(this.#token);
    this.#requests = this.#makeRequests();
    this.#receiver = this.#makeReceiver();
    this.#link = this.#makeLink();
    this.#outbox = storage && new Outbox(storage, storageKey, (error) => this.#failed(error));
  }

  #makeRest(token: () => string | Promise<string>): Rest {
    const { url, fetch, answerMs = ANSWER_MS } = this.#options;
    // A REST response may be far longer than a frame.
    return new Rest({ url, token, fetch, timeoutMs: 3 * answerMs });
  }

  #makeRequests(): Requests {
    return new Requests({
      transmit: (frame) => this.#link.send(frame),
      changed: () => this.#outboxChanged(),
      refused: (error) => this.#failed(error),
      now: this.#now,
      random: this.#random,
    });
  }

  #makeReceiver(): Receiver {
    return new Receiver({
      state: this.state,
      rest: this.rest,
      events: this.#events,
      requests: this.#requests,
      random: this.#random,
      autoload: this.#options.autoload ?? true,
      autoDelivered: this.#options.autoDelivered ?? true,
      cursor: this.#options.cursor,
      greeted: (hello) => this.#greeted(hello),
      loaded: () => this.#settle(),
    });
  }

  #makeLink(): Link {
    const { url, maxChanges, WebSocket, getToken, answerMs = ANSWER_MS, quietMs } = this.#options;
    const link = {
      url,
      maxChanges,
      WebSocket: webSocketOf(WebSocket),
      token: this.#token,
      isRefreshable: getToken !== undefined,
      answerMs,
      quietMs,
      now: this.#now,
      random: this.#random,
    };
    return new Link(link, {
      cursor: () => this.cursor,
      isRefused: (token) => this.#makeRest(() => token).get("/v1/test-auth").then(() => false, isUnauthorized),
      frame: (frame) => this.#receiver.frame(frame),
      down: (code) => this.#down(code),
      status: (status) => this.#changed(status),
      failed: (error) => this.#failed(error),
    });
  }

  get status(): Status {
    return this.#link.status;
  }

  /** Cursor from which the stream resumes. An application that stores the state has to store this too. */
  get cursor(): string | undefined {
    return this.#receiver.cursor;
  }

  /** The messages that the server has not accepted yet, oldest first. */
  get outbox(): readonly MessageOp[] {
    return this.#requests.kept;
  }

  /** Adds a listener. Returns a function that removes it. */
  on<Name extends keyof ChatEvents>(name: Name, listener: (payload: ChatEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /**
   * Connects, and reconnects after every disconnect until `close`. Resolves when the conversations are loaded and
   * everything missed has arrived.
   */
  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      void this.#restore().then(() => {
        if (this.#waiting.length > 0) this.#link.start();
        this.#settle();
      });
    });
  }

  /** Disconnects. Pending promises reject, but unaccepted messages stay in the outbox for the next `connect`. */
  close(): void {
    this.#link.stop();
    this.#receiver.stop();
    this.#abandon(new ChatError("The client was closed", { code: "closed" }));
  }

  /** Sends a message. Resolves when the server has stored it, after as many reconnects as that takes. */
  send(message: Target & Draft): Promise<Message> {
    return this.#performChange({ op: "send", ...message, client_msg_id: message.client_msg_id ?? newKey() });
  }

  /** Sends a copy of a message to another conversation. */
  forward(messageId: number, to: Target & { client_msg_id?: string }): Promise<Message> {
    const client_msg_id = to.client_msg_id ?? newKey();
    return this.#performChange({ op: "forward", ...to, message_id: messageId, client_msg_id });
  }

  /** Removes a message that waits in the outbox. It may have reached the server nevertheless. */
  discard(clientMsgId: string): boolean {
    return this.#requests.discard(clientMsgId);
  }

  edit(messageId: number, content: string): Promise<Message> {
    return this.#performChange({ op: "edit", message_id: messageId, content });
  }

  /** Deletes a message for everyone, or only for this user. */
  async delete(messageId: number, scope: "everyone" | "me" = "everyone"): Promise<void> {
    await this.#perform({ op: "delete", message_id: messageId, for: scope });
  }

  react(messageId: number, emoji: string): Promise<Message> {
    return this.#performChange({ op: "react", message_id: messageId, emoji });
  }

  unreact(messageId: number, emoji: string): Promise<Message> {
    return this.#performChange({ op: "unreact", message_id: messageId, emoji });
  }

  pin(messageId: number): Promise<Message> {
    return this.#performChange({ op: "pin", message_id: messageId });
  }

  unpin(messageId: number): Promise<Message> {
    return this.#performChange({ op: "unpin", message_id: messageId });
  }

  /** Saves a message for this user. */
  async save(messageId: number): Promise<void> {
    await this.#perform({ op: "save", message_id: messageId });
  }

  async unsave(messageId: number): Promise<void> {
    await this.#perform({ op: "unsave", message_id: messageId });
  }

  /** Appends to a message that was sent with `streaming`. `offset` is its current length in Unicode characters. */
  async append(messageId: number, offset: number, content: string): Promise<{ rev: number; length: number }> {
    const { rev = 0, length = 0 } = await this.#perform({ op: "append", message_id: messageId, offset, content });
    return { rev, length };
  }

  /** Completes a message that was sent with `streaming`. */
  finish(messageId: number, ending: { content?: string; abandoned?: boolean } = {}): Promise<Message> {
    return this.#performChange({ op: "finish", message_id: messageId, ...ending });
  }

  /** Marks a conversation, or one of its threads, as read up to `seq`. */
  async read(conversationId: number, seq: number, threadId?: number): Promise<void> {
    const thread = threadId === undefined ? {} : { thread_id: threadId };
    await this.#perform({ op: "read", conversation_id: conversationId, seq, ...thread });
  }

  /**
   * Marks conversations as read up to their last messages: these, at most 1000, or all. Resolves to those that were
   * unread and those that were not found. Goes over REST, once.
   */
  readAll(conversationIds?: readonly number[]): Promise<Answer<"post", "/v1/conversations/read">> {
    // Without ids the body is `{}`, which means all.
    const body = { conversation_ids: conversationIds as number[] };
    return this.rest.post("/v1/conversations/read", { body });
  }

  /** Confirms delivery of a conversation up to `seq`. The client does this by itself unless `autoDelivered` is off. */
  async delivered(conversationId: number, seq: number): Promise<void> {
    await this.#perform({ op: "delivered", conversation_id: conversationId, seq });
  }

  /** Signals that the user is typing. May be called on every keystroke. */
  typing(conversationId: number): void {
    const now = this.#now();
    if (now - (this.#typedAt.get(conversationId) ?? -Infinity) < TYPING_EVERY_MS) return;
    const isSent = this.#sendUnqueued({ op: "typing", conversation_id: conversationId });
    if (isSent) this.#typedAt.set(conversationId, now);
  }

  /** Sets the user's presence status. Resent after every reconnect. */
  presence(status: "online" | "away" | "invisible"): void {
    this.#sendSticky({ op: "presence", status });
  }

  /** Names the conversations on the screen, to receive their members' presence. Resent after every reconnect. */
  view(conversationIds: readonly number[]): void {
    this.#sendSticky({ op: "view", conversation_ids: [...conversationIds] });
  }

  /** Loads part of a conversation into the state: its newest messages, unless `before_seq` or `after_seq` is given. */
  async history(conversationId: number, of: PageOf = {}): Promise<Message[]> {
    const path = { id: conversationId };
    const { messages } = await this.rest.get("/v1/conversations/{id}/messages", { path, query: { ...of, lean: 1 } });
    return this.#receiver.page(conversationId, messages, of);
  }

  async #performChange(op: Op): Promise<Message> {
    const { message } = await this.#perform(op);
    if (message === undefined) throw new ChatError("The server's answer has no message", { code: "bad_answer" });
    return this.state.message(message.id) ?? message;
  }

  #perform(op: Op): Promise<AckFrame> {
    return this.#requests.add(op);
  }

  /** Sends an op that is dropped if there is no connection. Returns whether it was sent. */
  #sendUnqueued(op: Op): boolean {
    return this.#link.send({ ...op, id: op.op });
  }

  #sendSticky(op: Op): void {
    this.#sticky.set(op.op, op);
    this.#sendUnqueued(op);
  }

  #greeted(hello: HelloFrame): void {
    if (this.#outboxUser !== 0 && this.#outboxUser !== hello.user_id) {
      this.#requests.abandon(new ChatError("Another user has logged in", { code: "another_user" }), true);
    }
    this.#outboxUser = hello.user_id;
    for (const op of this.#sticky.values()) this.#sendUnqueued(op);
    this.#requests.up();
  }

  #down(code: number): void {
    if (code === CLOSE.TOO_BIG) this.#requests.tooBig();
    this.#requests.down();
  }

  #changed(status: Status): void {
    this.#events.emit("status", status);
    if (status.status === "live") this.#settle();
    if (status.status !== "unauthorized") return;
    this.#receiver.stop();
    this.#abandon(new ChatError("The server does not take the token", { code: "unauthorized" }));
  }

  /** Resolves the pending `connect` calls once everything is loaded. */
  #settle(): void {
    if (this.status.status !== "live" || !this.#receiver.isLoaded) return;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  #abandon(error: ChatError): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.#requests.abandon(error);
  }

  /**
   * Reads, once, what an earlier run left in the outbox. Listeners see it before the server has confirmed whose it is.
   */
  #restore(): Promise<void> {
    this.#restored ??= (async () => {
      try {
        const saved = await this.#outbox?.load();
        if (saved === undefined) return;
        this.#outboxUser ||= saved.user_id;
        this.#requests.restore(saved.ops);
        if (saved.ops.length > 0) this.#events.emit("outbox", this.outbox);
      } catch (error) {
        this.#failed(error);
      }
    })();
    return this.#restored;
  }

  #outboxChanged(): void {
    this.#events.emit("outbox", this.outbox);
    // Not written before it was read: that would overwrite the stored messages.
    void this.#restore().then(() => this.#outbox?.save(() => ({ user_id: this.#outboxUser, ops: this.#requests.kept })));
  }

  #failed(error: unknown): void {
    this.#events.emit("error", error instanceof Error ? error : new Error(String(error)));
  }
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof ChatError && error.status === 401;
}
