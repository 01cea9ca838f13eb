/**
 * Handles the server's frames: applies them to the state, reports news to listeners, and loads over REST what the
 * stream does not carry. Sends nothing by itself except delivery confirmations.
 */

import { fullJitter } from "./backoff.js";
import { Delivery } from "./delivery.js";
import type { Emitter } from "./emitter.js";
import { ChatError } from "./error.js";
import type { ChatEvents } from "./options.js";
import type { AckFrame, AppendFrame, Conversation, HelloFrame, Message } from "./protocol.js";
import type { Op, ResyncFrame, ServerFrame } from "./protocol.js";
import type { Requests } from "./requests.js";
import type { Rest } from "./rest.js";
import type { Answer } from "./rest-shape.js";
import { lengthOf, type ChatState, type PageOf } from "./state.js";

/** Conversations per page; the server's maximum. */
const PAGE = 200;

/** The event that an acknowledged op causes for its message; `edited` for all others. */
const EVENT_OF: Record<string, ChatEvents["message"]["event"]> = {
  send: "created",
  forward: "created",
  delete: "deleted",
  react: "reaction",
  unreact: "reaction",
  pin: "pinned",
  unpin: "pinned",
  finish: "finished",
};

export interface ReceiverOptions {
  state: ChatState;
  rest: Rest;
  events: Emitter<ChatEvents>;
  requests: Requests;
  random: () => number;
  autoload: boolean;
  autoDelivered: boolean;
  cursor: string | undefined;
  /** The server has named the stream's user; called before anything is sent to it. */
  greeted(hello: HelloFrame): void;
  /** The list of conversations has been loaded. */
  loaded(): void;
}

export class Receiver {
  cursor: string | undefined;

  readonly #options: ReceiverOptions;
  readonly #delivery: Delivery;
  /** Pieces of text that arrived while their message is being fetched, by message id. */
  readonly #fetchingMessages = new Map<number, AppendFrame[]>();
  /** Ids of conversations whose per-member state is being fetched. */
  readonly #fetchingState = new Set<number>();
  /** Changes when the results of running loads are no longer wanted. */
  #generation = 0;
  #loading: number | undefined;
  #needsLoad: boolean;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.cursor = options.cursor;
    this.#needsLoad = options.autoload && options.cursor === undefined;
    const { state, requests } = options;
    this.#delivery = new Delivery({
      deliveredSeq: (id) => state.pointers(id, state.userId).delivered_seq,
      confirm: (conversation_id, seq) => requests.add({ op: "delivered", conversation_id, seq }),
    });
  }

  /** Whether the state is complete once the stream is live. */
  get isLoaded(): boolean {
    return !this.#needsLoad;
  }

  stop(): void {
    this.#forgetWork();
    this.#delivery.stop();
  }

  frame(frame: ServerFrame): void {
    if (frame.type === "receipts") {
      const { conversation_id, cursor = this.cursor! } = frame;
      for (const receipt of frame.receipts) this.frame({ type: "receipt", conversation_id, cursor, ...receipt });
      return;
    }
    const { state, requests, events } = this.#options;
    const applied = state.apply(frame);
    if ("cursor" in frame && frame.type !== "hello") this.cursor = frame.cursor ?? this.cursor;
    switch (frame.type) {
      case "hello":
        return this.#hello(frame);
      case "ack":
        return this.#acknowledged(frame);
      case "error":
        if (!requests.refused(frame)) events.emit("error", new ChatError(frame.error, frame));
        return;
      case "message":
        this.#received(frame.message);
        if (applied === "applied") events.emit("message", frame);
        if (state.unsure.delete(frame.conversation_id)) this.#fetchState(frame.conversation_id, true);
        return;
      case "append":
        if (applied === "gap") return void this.#fetchMessage(frame);
        if (applied === "applied") events.emit("append", frame);
        return;
      case "conversation":
        this.#fetchState(frame.conversation.id);
        return this.#announce(frame.conversation);
      case "receipt":
        if (applied === "applied") events.emit("receipt", frame);
        return;
      case "hidden":
        if (applied === "applied") events.emit("hidden", frame);
        return;
      case "resync":
        return this.#resync(frame);
      case "live":
        this.#load();
        return events.emit("live", frame);
      case "saved":
        return events.emit("saved", frame);
      case "typing":
        return events.emit("typing", frame);
      case "presence":
        return events.emit("presence", frame);
    }
  }

  /** Applies a page of history. Returns its messages in their latest known state. */
  page(conversationId: number, messages: readonly Message[], of: PageOf): Message[] {
    const { state } = this.#options;
    state.applyPage(conversationId, messages, of);
    for (const message of messages) this.#received(message);
    return messages.map((message) => state.message(message.id) ?? message);
  }

  #hello(frame: HelloFrame): void {
    const { state, autoload, greeted } = this.#options;
    if (state.userId !== 0 && state.userId !== frame.user_id) {
      this.#forget();
      this.#needsLoad = autoload;
    }
    state.userId = frame.user_id;
    // A client that has a cursor keeps it until a frame with a later one arrives: the connection may end before that.
    this.cursor ??= frame.cursor;
    greeted(frame);
  }

  #resync(frame: ResyncFrame): void {
    this.#forget();
    this.#needsLoad = this.#options.autoload;
    this.#options.events.emit("resync", frame);
    this.#load();
  }

  #forget(): void {
    this.#forgetWork();
    this.#options.state.clear();
  }

  #forgetWork(): void {
    this.#generation += 1;
    this.#loading = undefined;
    this.#fetchingMessages.clear();
    this.#fetchingState.clear();
  }

  #acknowledged(frame: AckFrame): void {
    const { requests, state, events } = this.#options;
    const op = requests.acknowledged(frame);
    const { message } = frame;
    if (op === undefined) return;
    if (message !== undefined && state.applyMessage(message)) {
      events.emit("message", { event: EVENT_OF[op.op] ?? "edited", conversation_id: message.conversation_id, message });
    }
    const known = "message_id" in op ? state.message(op.message_id) : undefined;
    if (known === undefined) return;
    const ids = { conversation_id: known.conversation_id, message_id: known.id };
    if (op.op === "delete" && op.for === "me") this.frame({ type: "hidden", ...ids });
    if (op.op === "append") this.#ownAppend(op, frame, { ...ids, seq: known.seq });
  }

  /** Applies a piece of text that this client has sent. */
  #ownAppend({ offset, content }: Extract<Op, { op: "append" }>, ack: AckFrame, ids: { conversation_id: number; message_id: number; seq: number }): void {
    const frame: AppendFrame = { type: "append", ...ids, rev: ack.rev ?? 0, offset, content };
    // A repeated append is answered with the text's current length. If it exceeds this piece, the message is fetched.
    if (offset + lengthOf(content) === ack.length) this.frame(frame);
    else void this.#fetchMessage(frame);
  }

  #received(message: Message): void {
    const { state, requests, autoDelivered } = this.#options;
    if (message.sender_id === state.userId) requests.seen(message);
    else if (autoDelivered) this.#delivery.note(message);
  }

  #announce(conversation: Conversation): void {
    const { state, events } = this.#options;
    if (conversation.last_message) this.#received(conversation.last_message);
    events.emit("conversation", state.conversation(conversation.id) ?? conversation);
  }

  /** Loads the list of conversations if that is still due. */
  #load(): void {
    if (!this.#needsLoad || this.#loading === this.#generation) return;
    this.#loading = this.#generation;
    void this.#persist(async (isWanted) => {
      let cursor: string | null = null;
      do {
        const query: { limit: number; lean: number; cursor?: string } = { limit: PAGE, lean: 1, ...(cursor === null ? {} : { cursor }) };
        const page: Answer<"get", "/v1/conversations"> = await this.#options.rest.get("/v1/conversations", { query });
        if (!isWanted()) return;
        for (const conversation of page.conversations) this.#options.state.applyConversation(conversation);
        // Reported when all are applied, so that a listener that asks for the list each time has it sorted once.
        for (const conversation of page.conversations) this.#announce(conversation);
        cursor = page.next_cursor;
      } while (cursor !== null);
      this.#needsLoad = false;
      this.#loading = undefined;
      this.#options.loaded();
      for (const { id } of this.#options.state.conversations()) this.#fetchState(id);
    });
  }

  /**
   * Fetches the per-member state of a conversation that lacks it, or whose counts are not sure. Frames about all members
   * are the same for each of them and leave it out, so a new conversation starts without it.
   */
  #fetchState(id: number, isUnsure = false): void {
    const { state, rest, autoload, random } = this.#options;
    const lacks = isUnsure || state.conversation(id)?.capabilities === undefined;
    if (!autoload || this.#needsLoad || !lacks || this.#fetchingState.has(id)) return;
    this.#fetchingState.add(id);
    void this.#persist(async (isWanted) => {
      // All members get the deletion at once, and more may follow.
      if (isUnsure) await pause(fullJitter(3, random));
      const conversation = await rest.get("/v1/conversations/{id}", { path: { id } }).catch(absent);
      if (!isWanted()) return;
      this.#fetchingState.delete(id);
      if (conversation === undefined) return;
      // A message that the stream has yet to deliver must not be applied here, or its arrival would not be reported.
      if ((conversation.last_message?.seq ?? 0) > (state.conversation(id)?.last_seq ?? 0)) delete conversation.last_message;
      state.applyConversation(conversation);
      this.#announce(conversation);
    });
  }

  /** Fetches a message of which a piece of text is missing. Pieces that arrive meanwhile wait for it. */
  #fetchMessage(frame: AppendFrame): void {
    const { message_id } = frame;
    const waiting = this.#fetchingMessages.get(message_id);
    if (waiting !== undefined) return void waiting.push(frame);
    const pieces = [frame];
    this.#fetchingMessages.set(message_id, pieces);
    void this.#persist(async (isWanted) => {
      const message = await this.#options.rest.get("/v1/messages/{id}", { path: { id: message_id } }).catch(absent);
      if (!isWanted()) return;
      this.#fetchingMessages.delete(message_id);
      if (message === undefined) return;
      this.#received(message);
      if (this.#options.state.applyMessage(message)) {
        const { conversation_id } = message;
        this.#options.events.emit("message", { event: "reloaded", conversation_id, message });
      }
      for (const piece of pieces) this.frame(piece);
    });
  }

  /** Retries until the work succeeds or is no longer wanted. */
  async #persist(work: (isWanted: () => boolean) => Promise<void>): Promise<void> {
    const generation = this.#generation;
    const isWanted = (): boolean => generation === this.#generation;
    for (let attempt = 0; isWanted(); attempt += 1) {
      try {
        return await work(isWanted);
      } catch (error) {
        if (isWanted()) this.#options.events.emit("error", error as Error);
      }
      await pause(fullJitter(attempt, this.#options.random));
    }
  }
}

/** Treats a message that may not be read (any more) as absent. */
function absent(error: unknown): undefined {
  if (error instanceof ChatError && (error.status === 403 || error.status === 404)) return undefined;
  throw error;
}

/** Waits. In Node the timer alone does not keep the program running. */
const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => (setTimeout(resolve, ms) as { unref?: () => void }).unref?.());
