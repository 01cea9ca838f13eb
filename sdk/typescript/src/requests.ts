/**
 * What was asked of the server and is not answered: each request is sent, and sent again after a break, until it is.
 * Requests of one lane (one conversation's sends, one message's changes) go one after the other, so that one that has
 * to be repeated is not overtaken. Knows no socket.
 */

import { fullJitter } from "./backoff.js";
import { ChatError } from "./error.js";
import type { AckFrame, ErrorFrame, Message, MessageOp, Op } from "./protocol.js";

/** Enough to fill a connection, and little enough to be no flood. */
const MAX_IN_FLIGHT = 32;

interface Request {
  id: number;
  op: Op;
  lane: string;
  isSent: boolean;
  attempts: number;
  /** Not to be sent before. */
  due: number;
  /** Absent for what an earlier run left in the outbox. */
  settle?: { resolve: (ack: AckFrame) => void; reject: (error: ChatError) => void };
}

export interface Host {
  /** Hands a frame to the socket; `false` if there is none. */
  transmit(frame: Op & { id: number }): boolean;
  /** The outbox is no longer what it was. */
  changed(): void;
  /** A request that nobody waits for was refused. */
  refused(error: ChatError): void;
  now(): number;
  random(): number;
}

/** Whether it stays in the outbox when the program ends: what makes a message, and is known again by its key. */
export const isKept = (op: Op): op is MessageOp => "client_msg_id" in op;

function laneOf(op: Op): string {
  if (isKept(op)) return `to ${String(op.to_user)}/${String(op.to_group)}/${String(op.conversation_id)}`;
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

  /** The messages that wait to be accepted, oldest first. */
  get kept(): MessageOp[] {
    return [...this.#queue.values()].map(({ op }) => op).filter(isKept);
  }

  /** Resolves when the server has acknowledged it, however many connections that takes. */
  add(op: Op): Promise<AckFrame> {
    return new Promise((resolve, reject) => {
      const request = this.#request(op);
      request.settle = { resolve, reject };
      this.#queue.set(request.id, request);
      if (isKept(op)) this.#host.changed();
      this.#pump();
    });
  }

  /** Puts what an earlier run left behind before everything else. */
  restore(ops: readonly Op[]): void {
    const restored = ops.map((op) => this.#request(op));
    this.#queue = new Map([...restored, ...this.#queue.values()].map((request) => [request.id, request]));
    this.#pump();
  }

  #request(op: Op): Request {
    this.#lastId += 1;
    return { id: this.#lastId, op, lane: laneOf(op), isSent: false, attempts: 0, due: 0 };
  }

  /** A connection is there: everything unanswered goes out, in the original order. */
  up(): void {
    this.#isUp = true;
    this.#pump();
  }

  /** The connection is gone; whether what was sent has arrived is not known. */
  down(): void {
    this.#isUp = false;
    for (const request of this.#queue.values()) request.isSent = false;
  }

  /** Gives what was acknowledged, if that was still waited for. */
  acknowledged(frame: AckFrame): Op | undefined {
    const request = this.#take(frame.id);
    request?.settle?.resolve(frame);
    this.#pump();
    return request?.op;
  }

  /** `false` if the error answers no request. */
  refused(frame: ErrorFrame): boolean {
    const request = this.#queue.get(Number(frame.id));
    if (request === undefined) return false;
    if (frame.temporary) this.#postpone(request, frame.retry_after_ms);
    else this.#reject(request, new ChatError(frame.error, { ...frame, ...keyOf(request.op) }));
    this.#pump();
    return true;
  }

  /** The message of a send has been seen, so it was accepted, whatever became of the answer. */
  seen(message: Message): void {
    for (const { id, op } of this.#queue.values()) {
      if (!isKept(op) || op.client_msg_id !== message.client_msg_id) continue;
      this.acknowledged({ type: "ack", id, message });
      return;
    }
  }

  /** The server closed because of a frame's size: the longest one on its way must not be sent for ever. */
  tooBig(): void {
    const size = ({ op }: Request): number => JSON.stringify(op).length;
    const sent = [...this.#queue.values()].filter((request) => request.isSent);
    const longest = sent.sort((a, b) => size(b) - size(a))[0];
    const error = (op: Op): ChatError => new ChatError("The frame is too big", { code: "too_big", ...keyOf(op) });
    if (longest !== undefined) this.#reject(longest, error(longest.op));
  }

  /** Gives up a message that waits. `false` if it is not (or no longer) in the outbox. */
  discard(clientMsgId: string): boolean {
    const request = [...this.#queue.values()].find(({ op }) => isKept(op) && op.client_msg_id === clientMsgId);
    if (request === undefined) return false;
    this.#reject(request, new ChatError("The message was discarded", { code: "discarded", ...keyOf(request.op) }));
    this.#pump();
    return true;
  }

  /** Nobody waits any longer. What is kept stays in the outbox, unless it belongs to `another` user. */
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
  const key = isKept(op) ? op.client_msg_id : undefined;
  return typeof key === "string" ? { client_msg_id: key } : {};
}
