/**
 * The client: one user's view of a server, kept up to date, and what the user does.
 * Puts together the connection, the requests that wait, the outbox and the receiver, and holds no rules of theirs.
 */

import { Emitter } from "./emitter.js";
import { ChatError } from "./error.js";
import { Link, type Status } from "./link.js";
import { ANSWER_MS, STORAGE_KEY, webSocketOf, type ChatEvents, type ChatOptions } from "./options.js";
import { Outbox } from "./outbox.js";
import { CLOSE, type AckFrame, type Draft, type HelloFrame, type Message, type MessageOp, type Op, type Target } from "./protocol.js";
import { Receiver } from "./receiver.js";
import { Requests } from "./requests.js";
import { Rest } from "./rest.js";
import { ChatState, type PageOf } from "./state.js";

/** Others are told for about 6 seconds that somebody types. */
const TYPING_EVERY_MS = 3000;

interface Waiting {
  resolve: () => void;
  reject: (error: ChatError) => void;
}

export class ChatClient {
  /** What is known. */
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
  /** Who wrote what was found in the outbox; 0 if that is not known. */
  #outboxUser = 0;
  #restored: Promise<void> | undefined;
  #waiting: Waiting[] = [];
  readonly #typedAt = new Map<number, number>();
  /** What holds for one connection only and has to be said again on the next. */
  readonly #standing = new Map<string, Op>();

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
    // An answer by REST may be far longer than a frame.
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
    const { url, WebSocket, getToken, answerMs = ANSWER_MS, quietMs } = this.#options;
    const link = {
      url,
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

  /** Where the stream goes on after a break; to be kept by an application that keeps the state. */
  get cursor(): string | undefined {
    return this.#receiver.cursor;
  }

  /** The messages that wait to be accepted, oldest first. */
  get outbox(): readonly MessageOp[] {
    return this.#requests.kept;
  }

  /** Listens until the function that comes back is called. */
  on<Name extends keyof ChatEvents>(name: Name, listener: (payload: ChatEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /** Connects, and again after every break until `close`. Resolves when what was missed and what is there is known. */
  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      void this.#restore().then(() => {
        if (this.#waiting.length > 0) this.#link.start();
        this.#settle();
      });
    });
  }

  /** Disconnects. Nothing is waited for any longer, but messages stay in the outbox, for the next `connect`. */
  close(): void {
    this.#link.stop();
    this.#receiver.stop();
    this.#abandon(new ChatError("The client was closed", { code: "closed" }));
  }

  /** Sends a message. Resolves when the server has stored it, however many connections that takes. */
  send(message: Target & Draft): Promise<Message> {
    return this.#changing({ op: "send", ...message, client_msg_id: message.client_msg_id ?? newKey() });
  }

  /** Sends a message once more, elsewhere. */
  forward(messageId: number, to: Target & { client_msg_id?: string }): Promise<Message> {
    const client_msg_id = to.client_msg_id ?? newKey();
    return this.#changing({ op: "forward", ...to, message_id: messageId, client_msg_id });
  }

  /** Takes back a message that waits in the outbox; it may have reached the server all the same. */
  discard(clientMsgId: string): boolean {
    return this.#requests.discard(clientMsgId);
  }

  edit(messageId: number, content: string): Promise<Message> {
    return this.#changing({ op: "edit", message_id: messageId, content });
  }

  /** Deletes for everyone, or for oneself alone. */
  async delete(messageId: number, scope: "everyone" | "me" = "everyone"): Promise<void> {
    await this.#perform({ op: "delete", message_id: messageId, for: scope });
  }

  react(messageId: number, emoji: string): Promise<Message> {
    return this.#changing({ op: "react", message_id: messageId, emoji });
  }

  unreact(messageId: number, emoji: string): Promise<Message> {
    return this.#changing({ op: "unreact", message_id: messageId, emoji });
  }

  pin(messageId: number): Promise<Message> {
    return this.#changing({ op: "pin", message_id: messageId });
  }

  unpin(messageId: number): Promise<Message> {
    return this.#changing({ op: "unpin", message_id: messageId });
  }

  /** Remembers a message for oneself. */
  async save(messageId: number): Promise<void> {
    await this.#perform({ op: "save", message_id: messageId });
  }

  async unsave(messageId: number): Promise<void> {
    await this.#perform({ op: "unsave", message_id: messageId });
  }

  /** Adds to a message that was sent with `streaming`. `offset`: the length of its text so far, in Unicode characters. */
  async append(messageId: number, offset: number, content: string): Promise<{ rev: number; length: number }> {
    const { rev = 0, length = 0 } = await this.#perform({ op: "append", message_id: messageId, offset, content });
    return { rev, length };
  }

  /** Ends a message that was sent with `streaming`. */
  finish(messageId: number, ending: { content?: string; abandoned?: boolean } = {}): Promise<Message> {
    return this.#changing({ op: "finish", message_id: messageId, ...ending });
  }

  /** The user has read a conversation, or a thread of it, up to `seq`. */
  async read(conversationId: number, seq: number, threadId?: number): Promise<void> {
    const thread = threadId === undefined ? {} : { thread_id: threadId };
    await this.#perform({ op: "read", conversation_id: conversationId, seq, ...thread });
  }

  /** This client has a conversation up to `seq`; said without being asked, unless `autoDelivered` is off. */
  async delivered(conversationId: number, seq: number): Promise<void> {
    await this.#perform({ op: "delivered", conversation_id: conversationId, seq });
  }

  /** The user types; may be called at every key. */
  typing(conversationId: number): void {
    const now = this.#now();
    if (now - (this.#typedAt.get(conversationId) ?? -Infinity) < TYPING_EVERY_MS) return;
    const isTold = this.#tell({ op: "typing", conversation_id: conversationId });
    if (isTold) this.#typedAt.set(conversationId, now);
  }

  /** How the user wants to be seen; said again after every break. */
  presence(status: "online" | "away" | "invisible"): void {
    this.#stand({ op: "presence", status });
  }

  /** The conversations on the screen, whose members' presence is wanted; said again after every break. */
  view(conversationIds: readonly number[]): void {
    this.#stand({ op: "view", conversation_ids: [...conversationIds] });
  }

  /** Loads a part of a conversation into the state: without `before_seq` and `after_seq` its newest messages. */
  async history(conversationId: number, of: PageOf = {}): Promise<Message[]> {
    const path = { id: conversationId };
    const { messages } = await this.rest.get("/v1/conversations/{id}/messages", { path, query: of });
    return this.#receiver.page(conversationId, messages, of);
  }

  async #changing(op: Op): Promise<Message> {
    const { message } = await this.#perform(op);
    if (message === undefined) throw new ChatError("The server's answer has no message", { code: "bad_answer" });
    return this.state.message(message.id) ?? message;
  }

  #perform(op: Op): Promise<AckFrame> {
    return this.#requests.add(op);
  }

  /** Says something that is worth nothing later. */
  #tell(op: Op): boolean {
    return this.#link.send({ ...op, id: op.op });
  }

  #stand(op: Op): void {
    this.#standing.set(op.op, op);
    this.#tell(op);
  }

  #greeted(hello: HelloFrame): void {
    if (this.#outboxUser !== 0 && this.#outboxUser !== hello.user_id) {
      this.#requests.abandon(new ChatError("Another user has logged in", { code: "another_user" }), true);
    }
    this.#outboxUser = hello.user_id;
    for (const op of this.#standing.values()) this.#tell(op);
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

  /** Tells those who wait for the connection that all is there. */
  #settle(): void {
    if (this.status.status !== "live" || !this.#receiver.isLoaded) return;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  #abandon(error: ChatError): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.#requests.abandon(error);
  }

  /** Reads, once, what an earlier run left in the outbox. Listeners see it before the server has said whose it is. */
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
    // Not written before it was read: what is there would be lost.
    void this.#restore().then(() => this.#outbox?.save(() => ({ user_id: this.#outboxUser, ops: this.#requests.kept })));
  }

  #failed(error: unknown): void {
    this.#events.emit("error", error instanceof Error ? error : new Error(String(error)));
  }
}

/** A key that nobody else makes. Browsers have `randomUUID` only where the page came by TLS or from this machine. */
function newKey(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof ChatError && error.status === 401;
}
