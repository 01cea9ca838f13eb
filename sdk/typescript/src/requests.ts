/**
 * Unanswered requests: each is sent, and resent after every reconnect, until it is answered.
 * Requests of one lane (one conversation's sends, one message's changes) go one after another, so that none overtakes
 * one that has to be repeated. Does not know the socket.
 */

import { fullJitter } from "./backoff.js";
import { ChatError } from "./error.js";
import type { AckFrame, ErrorFrame, Message, MessageOp, Op } from "./protocol.js";

/** Enough to fill a connection without flooding the server. */
const MAX_IN_FLIGHT = 32;

interface Request {
  id: number;
  op: Op;
  lane: string;
  isSent: boolean;
  attempts: number;
  /** Earliest time to send it, in the host's milliseconds. */
  due: number;
  /** Absent for messages that an earlier run left in the outbox. */
  settle?: { resolve: (ack: AckFrame) => void; reject: (error: ChatError) => void };
}

export interface Host {
  /** Passes a frame to the socket. Returns `false` if there is no connection. */
  transmit(frame: Op & { id: number }): boolean;
  /** The outbox has changed. */
  changed(): void;
  /** A request without a promise was refused. */
  refused(error: ChatError): void;
  now(): number;
  random(): number;
}

/** Whether an op stays in the outbox when the program ends: it creates a message and has a key to recognize it by. */
export const isKept = (op: Op): op is MessageOp => "client_msg_id" in op;

function laneOf(op: Op): string {
  if (isKept(op)) return `to ${op.to_user}/${op.to_group}/${op.conversation_id}`;
  if ("message_id" in op) return `message ${op.message_id}`;
  const { conversation_id } = op as { conversation_id?: number };
  return `${op.op} ${conversation_id}`;
}

export class Requests {
  readonly #host: Host;
  #queue = new Map<number, Request>();
  #lastId = 0;
  #isUp = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  /** The messages that the server has not accepted yet, oldest first. */
  get kept(): MessageOp[] {
    return [...this.#queue.values()].map(({ op }) => op).filter(isKept);
  }

  /** Sends an op. Resolves when the server has acknowledged it, after as many reconnects as that takes. */
  add(op: Op): Promise<AckFrame> {
    return new Promise((resolve, reject) => {
      const request = this.#request(op);
      request.settle = { resolve, reject };
      this.#queue.set(request.id, request);
      if (isKept(op)) this.#host.changed();
      this.#pump();
    });
  }

  /** Puts the messages of an earlier run before all others. */
  restore(ops: readonly Op[]): void {
    const restored = ops.map((op) => this.#request(op));
    this.#queue = new Map([...restored, ...this.#queue.values()].map((request) => [request.id, request]));
    this.#pump();
  }

  #request(op: Op): Request {
    this.#lastId += 1;
    return { id: this.#lastId, op, lane: laneOf(op), isSent: false, attempts: 0, due: 0 };
  }

  /** Handles a new connection: sends everything unanswered, in the original order. */
  up(): void {
    this.#isUp = true;
    this.#pump();
  }

  /** Handles a lost connection. Whether the sent requests have arrived is unknown. */
  down(): void {
    this.#isUp = false;
    for (const request of this.#queue.values()) request.isSent = false;
  }

  /** Returns the op that was acknowledged, if it was still pending. */
  acknowledged(frame: AckFrame): Op | undefined {
    const request = this.#take(frame.id);
    request?.settle?.resolve(frame);
    this.#pump();
    return request?.op;
  }

  /** Returns `false` if the error answers no request. */
  refused(frame: ErrorFrame): boolean {
    const request = this.#queue.get(Number(frame.id));
    if (request === undefined) return false;
    if (frame.temporary) this.#postpone(request, frame.retry_after_ms);
    else this.#reject(request, new ChatError(frame.error, { ...frame, ...keyOf(request.op) }));
    this.#pump();
    return true;
  }

  /** Settles a send whose message has arrived by other means: the server has accepted it, even if the ack is lost. */
  seen(message: Message): void {
    for (const { id, op } of this.#queue.values()) {
      if (!isKept(op) || op.client_msg_id !== message.client_msg_id) continue;
      this.acknowledged({ type: "ack", id, message });
      return;
    }
  }

  /** Rejects the longest request in flight: the server closed because a frame was too big, and resending would loop. */
  tooBig(): void {
    const size = ({ op }: Request): number => JSON.stringify(op).length;
    const sent = [...this.#queue.values()].filter((request) => request.isSent);
    const longest = sent.sort((a, b) => size(b) - size(a))[0];
    const error = (op: Op): ChatError => new ChatError("The frame is too big", { code: "too_big", ...keyOf(op) });
    if (longest !== undefined) this.#reject(longest, error(longest.op));
  }

  /** Removes an unaccepted message. Returns `false` if it is not (or no longer) in the outbox. */
  discard(clientMsgId: string): boolean {
    const request = [...this.#queue.values()].find(({ op }) => isKept(op) && op.client_msg_id === clientMsgId);
    if (request === undefined) return false;
    this.#reject(request, new ChatError("The message was discarded", { code: "discarded", ...keyOf(request.op) }));
    this.#pump();
    return true;
  }

  /** Rejects all promises. Messages stay in the outbox, unless they belong to `another` user. */
  abandon(error: ChatError, another = false): void {
    clearTimeout(this.#timer);
    for (const request of [...this.#queue.values()]) {
      if (another || !isKept(request.op)) this.#queue.delete(request.id);
      request.settle?.reject(error);
      delete request.settle;
    }
    if (another) this.#host.changed();
  }

  #take(id: string | number | null): Request | undefined {
    const request = this.#queue.get(Number(id));
    if (request === undefined) return undefined;
    this.#queue.delete(request.id);
    if (isKept(request.op)) this.#host.changed();
    return request;
  }

  #reject(request: Request, error: ChatError): void {
    this.#take(request.id);
    if (request.settle) request.settle.reject(error);
    else this.#host.refused(error);
  }

  #postpone(request: Request, after?: number | null): void {
    request.isSent = false;
    request.due = this.#host.now() + (after ?? fullJitter(request.attempts, this.#host.random));
    request.attempts += 1;
  }

  #pump(): void {
    clearTimeout(this.#timer);
    if (!this.#isUp) return;
    const now = this.#host.now();
    const busy = new Set<string>();
    let inFlight = 0;
    let next = Infinity;
    for (const request of this.#queue.values()) {
      if (inFlight >= MAX_IN_FLIGHT) break;
      if (busy.has(request.lane)) continue;
      busy.add(request.lane);
      if (!request.isSent && request.due > now) {
        next = Math.min(next, request.due);
        continue;
      }
      inFlight += 1;
      if (!request.isSent) request.isSent = this.#host.transmit({ ...request.op, id: request.id });
    }
    if (next < Infinity) this.#timer = setTimeout(() => this.#pump(), next - now);
  }
}

function keyOf(op: Op): { client_msg_id?: string } {
  return isKept(op) && op.client_msg_id ? { client_msg_id: op.client_msg_id } : {};
}
