/**
 * What becomes of the server's frames: they go into the state, listeners hear of what was new, and what the stream
 * cannot tell is loaded by REST. Sends nothing by itself but the confirmation that messages have come.
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

/** Conversations at a time; the most that the server gives. */
const PAGE = 200;

/** What an acknowledged op did to its message. */
const EVENT_OF: Record<string, ChatEvents["message"]["event"]> = {
  send: "created",
  forward: "created",
  edit: "edited",
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
  /** The server has said whose stream it is; before anything is sent to it. */
  greeted(hello: HelloFrame): void;
  /** The list of conversations has been loaded. */
  loaded(): void;
}

export class Receiver {
  cursor: string | undefined;

  readonly #with: ReceiverOptions;
  readonly #delivery: Delivery;
  /** Pieces of text that came while their message is being fetched. */
  readonly #fetching = new Map<number, AppendFrame[]>();
  /** Conversations whose own part is being fetched. */
  readonly #completing = new Set<number>();
  /** Changes when what is being loaded is no longer wanted. */
  #generation = 0;
  #loading: number | undefined;
  #needsLoad: boolean;

  constructor(options: ReceiverOptions) {
    this.#with = options;
    this.cursor = options.cursor;
    this.#needsLoad = options.autoload && options.cursor === undefined;
    const { state, requests } = options;
    this.#delivery = new Delivery({
      deliveredSeq: (id) => state.pointers(id, state.userId).delivered_seq,
      confirm: (conversation_id, seq) => requests.add({ op: "delivered", conversation_id, seq }),
    });
  }

  /** Whether the state holds what it is to hold as soon as the stream is live. */
  get isLoaded(): boolean {
    return !this.#needsLoad;
  }

  stop(): void {
    this.#forgetWork();
    this.#delivery.stop();
  }

  frame(frame: ServerFrame): void {
    const { state, requests, events } = this.#with;
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
        this.#came(frame.message);
        if (applied === "applied") events.emit("message", frame);
        return;
      case "append":
        if (applied === "gap") return void this.#fetch(frame);
        if (applied === "applied") events.emit("append", frame);
        return;
      case "conversation":
        this.#complete(frame.conversation.id);
        return this.#told(frame.conversation);
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

  /** Takes a page of history; gives the messages as they are known now. */
  page(conversationId: number, messages: readonly Message[], of: PageOf): Message[] {
    const { state } = this.#with;
    state.applyPage(conversationId, messages, of);
    for (const message of messages) this.#came(message);
    return messages.map((message) => state.message(message.id) ?? message);
  }

  #hello(frame: HelloFrame): void {
    const { state, autoload, greeted } = this.#with;
    if (state.userId !== 0 && state.userId !== frame.user_id) {
      this.#forget();
      this.#needsLoad = autoload;
    }
    state.userId = frame.user_id;
    // Whoever has a cursor keeps it until a frame behind it has come: the connection may end before.
    this.cursor ??= frame.cursor;
    greeted(frame);
  }

  #resync(frame: ResyncFrame): void {
    this.#forget();
    this.#needsLoad = this.#with.autoload;
    this.#with.events.emit("resync", frame);
    this.#load();
  }

  #forget(): void {
    this.#forgetWork();
    this.#with.state.clear();
  }

  #forgetWork(): void {
    this.#generation += 1;
    this.#loading = undefined;
    this.#fetching.clear();
    this.#completing.clear();
  }

  #acknowledged(frame: AckFrame): void {
    const { requests, state, events } = this.#with;
    const op = requests.acknowledged(frame);
    const { message } = frame;
    if (op === undefined) return;
    if (message !== undefined && state.applyMessage(message)) {
      events.emit("message", { event: EVENT_OF[op.op] ?? "edited", conversation_id: message.conversation_id, message });
    }
    const known = "message_id" in op ? state.message(op.message_id) : undefined;
    if (known === undefined) return;
    const place = { conversation_id: known.conversation_id, message_id: known.id };
    if (op.op === "delete" && op.for === "me") this.frame({ type: "hidden", ...place });
    if (op.op === "append") this.#appended(op, frame, { ...place, seq: known.seq });
  }

  /** Our own piece of text is there. */
  #appended({ offset, content }: Extract<Op, { op: "append" }>, ack: AckFrame, place: { conversation_id: number; message_id: number; seq: number }): void {
    const frame: AppendFrame = { type: "append", ...place, rev: ack.rev ?? 0, offset, content };
    // A repetition is answered with the text's present length: if there is more than this piece, it is fetched.
    if (offset + lengthOf(content) === ack.length) this.frame(frame);
    else void this.#fetch(frame);
  }

  #came(message: Message): void {
    const { state, requests, autoDelivered } = this.#with;
    if (message.sender_id === state.userId) requests.seen(message);
    else if (autoDelivered) this.#delivery.note(message);
  }

  #told(conversation: Conversation): void {
    const { state, events } = this.#with;
    if (conversation.last_message) this.#came(conversation.last_message);
    events.emit("conversation", state.conversation(conversation.id) ?? conversation);
  }

  /** Loads the list of conversations, if that is still to be done. */
  #load(): void {
    if (!this.#needsLoad || this.#loading === this.#generation) return;
    this.#loading = this.#generation;
    void this.#persist(async (isWanted) => {
      let cursor: string | null = null;
      do {
        const query: { limit: number; cursor?: string } = { limit: PAGE, ...(cursor === null ? {} : { cursor }) };
        const page: Answer<"get", "/v1/conversations"> = await this.#with.rest.get("/v1/conversations", { query });
        if (!isWanted()) return;
        for (const conversation of page.conversations) this.#with.state.applyConversation(conversation);
        // Told when all are in: who asks for the list each time has it put in order once.
        for (const conversation of page.conversations) this.#told(conversation);
        cursor = page.next_cursor;
      } while (cursor !== null);
      this.#needsLoad = false;
      this.#loading = undefined;
      this.#with.loaded();
      for (const { id } of this.#with.state.conversations()) this.#complete(id);
    });
  }

  /**
   * What concerns all members is told to all in the same words, which leave everyone's own part out: of a conversation
   * that has just begun it is fetched.
   */
  #complete(id: number): void {
    const { state, rest, autoload } = this.#with;
    const lacks = state.conversation(id)?.capabilities === undefined;
    if (!autoload || this.#needsLoad || !lacks || this.#completing.has(id)) return;
    this.#completing.add(id);
    void this.#persist(async (isWanted) => {
      const conversation = await rest.get("/v1/conversations/{id}", { path: { id } }).catch(absent);
      if (!isWanted()) return;
      this.#completing.delete(id);
      if (conversation === undefined) return;
      // What the stream has yet to tell is news when it does: taken from here, nobody would hear that it came.
      if ((conversation.last_message?.seq ?? 0) > (state.conversation(id)?.last_seq ?? 0)) delete conversation.last_message;
      state.applyConversation(conversation);
      this.#told(conversation);
    });
  }

  /** Fetches a message that a piece of text is missing of; pieces that come meanwhile wait for it. */
  #fetch(frame: AppendFrame): void {
    const { message_id } = frame;
    const waiting = this.#fetching.get(message_id);
    if (waiting !== undefined) return void waiting.push(frame);
    const pieces = [frame];
    this.#fetching.set(message_id, pieces);
    void this.#persist(async (isWanted) => {
      const message = await this.#with.rest.get("/v1/messages/{id}", { path: { id: message_id } }).catch(absent);
      if (!isWanted()) return;
      this.#fetching.delete(message_id);
      if (message === undefined) return;
      this.#came(message);
      if (this.#with.state.applyMessage(message)) {
        const { conversation_id } = message;
        this.#with.events.emit("message", { event: "reloaded", conversation_id, message });
      }
      for (const piece of pieces) this.frame(piece);
    });
  }

  /** Tries until it is done or no longer wanted. */
  async #persist(work: (isWanted: () => boolean) => Promise<void>): Promise<void> {
    const generation = this.#generation;
    const isWanted = (): boolean => generation === this.#generation;
    for (let attempt = 0; isWanted(); attempt += 1) {
      try {
        return await work(isWanted);
      } catch (error) {
        if (isWanted()) this.#with.events.emit("error", error as Error);
      }
      await pause(fullJitter(attempt, this.#with.random));
    }
  }
}

/** A message that may not be read (any more) is one that is not there. */
function absent(error: unknown): undefined {
  if (error instanceof ChatError && (error.status === 403 || error.status === 404)) return undefined;
  throw error;
}

/** In Node a pause alone does not keep the program running. */
const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => (setTimeout(resolve, ms) as { unref?: () => void }).unref?.());
