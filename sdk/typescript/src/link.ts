/**
 * The connection: connects, authenticates, detects silence, waits and reconnects.
 * Passes frames on and interprets only `hello`, `live` and `resync`; keeps no content of frames.
 */

import { announcedDelay, fullJitter } from "./backoff.js";
import { CLOSE, parseFrame, PROTOCOL, type ServerFrame } from "./protocol.js";

/** The part of a browser's WebSocket that the client uses. `ws` provides it too. */
export interface WebSocketLike {
  send(data: string): void;
  close(code?: number, reason?: string): void;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
}

export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketLike;

export type Status =
  /** Not connected and not trying: before `connect` and after `close`. */
  | { status: "closed" }
  | { status: "connecting" }
  /** Connected; missed events are arriving. */
  | { status: "catching_up" }
  | { status: "live" }
  /** Not connected; the next attempt follows in `retry_in_ms` milliseconds. */
  | { status: "waiting"; retry_in_ms: number; code: number; reason: string }
  /** The server refuses the token; call `connect` again with another one. */
  | { status: "unauthorized" };

export interface LinkOptions {
  url: string;
  /** Number of missed messages beyond which the client reloads. */
  maxChanges?: number | undefined;
  WebSocket: WebSocketClass;
  token: () => string | Promise<string>;
  /** Whether calling `token` again may return a different token. */
  isRefreshable: boolean;
  /** Longest wait for an answer before the connection counts as dead, in milliseconds. */
  answerMs: number;
  /** Longest normal silence, in milliseconds; by default twice the server's heartbeat. */
  quietMs: number | undefined;
  now: () => number;
  random: () => number;
}

export interface LinkHost {
  cursor(): string | undefined;
  /** Asks over REST whether the server refuses the token: browsers don't report why a WebSocket was refused. */
  isRefused(token: string): Promise<boolean>;
  /** Receives every frame. Frames can be sent once `hello` has arrived. */
  frame(frame: ServerFrame): void;
  down(code: number): void;
  status(status: Status): void;
  failed(error: unknown): void;
}

const PING = { op: "ping", id: "ping" };
const DEFAULT_HEARTBEAT_MS = 15_000;
/** Close code for a connection that ended without a close frame, or that the client gave up. */
const ABNORMAL = 1006;

/** Returns the stream's URL for a server's URL. */
export function streamUrl(url: string, cursor: string | undefined, maxChanges?: number): string {
  const stream = new URL("ws", url.endsWith("/") ? url : `${url}/`);
  stream.protocol = stream.protocol.replace("http", "ws");
  stream.search = "lean=1";
  if (cursor) {
    stream.searchParams.set("cursor", cursor);
    if (maxChanges !== undefined) stream.searchParams.set("max_changes", String(maxChanges));
  }
  return stream.href;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #host: LinkHost;
  #status: Status = { status: "closed" };
  /** Number of the current connection; events of earlier ones are ignored. */
  #generation = 0;
  #socket: WebSocketLike | undefined;
  #isGreeted = false;
  #attempt = 0;
  #token = "";
  #refusedToken: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #quietMs = 0;
  #receivedAt = 0;
  /** Number of sent frames that await their answer. Other incoming frames don't show that ours arrive. */
  #unanswered = 0;
  /** Time of the last answer, or of the first unanswered frame if that is later. */
  #answeredAt = 0;
  #isPinged = false;

  constructor(options: LinkOptions, host: LinkHost) {
    this.#options = options;
    this.#host = host;
  }

  get status(): Status {
    return this.#status;
  }

  /** Connects, and stays connected until `stop`. */
  start(): void {
    if (this.#status.status !== "closed" && this.#status.status !== "unauthorized") return;
    this.#refusedToken = undefined;
    this.#attempt = 0;
    globalThis.addEventListener?.("online", this.#wake);
    void this.#open();
  }

  stop(): void {
    this.#end({ status: "closed" });
  }

  send(frame: object): boolean {
    if (!this.#isGreeted || this.#socket === undefined) return false;
    this.#socket.send(JSON.stringify(frame));
    this.#unanswered += 1;
    if (this.#unanswered > 1) return true;
    this.#answeredAt = this.#options.now();
    this.#isPinged = false;
    this.#watch();
    return true;
  }

  #set(status: Status): void {
    this.#status = status;
    this.#host.status(status);
  }

  async #open(): Promise<void> {
    const generation = this.#next();
    this.#set({ status: "connecting" });
    try {
      const token = await this.#options.token();
      if (generation !== this.#generation) return;
      if (token === this.#refusedToken) return this.#end({ status: "unauthorized" });
      this.#token = token;
      const url = streamUrl(this.#options.url, this.#host.cursor(), this.#options.maxChanges);
      this.#follow(generation, new this.#options.WebSocket(url, [PROTOCOL, `bearer.${token}`]));
    } catch (error) {
      if (generation !== this.#generation) return;
      this.#host.failed(error);
      this.#wait(ABNORMAL, "");
    }
  }

  #follow(generation: number, socket: WebSocketLike): void {
    this.#socket = socket;
    socket.onmessage = (event: { data: unknown }) => {
      if (generation === this.#generation) this.#received(event.data);
    };
    socket.onclose = (event: { code: number; reason: string }) => {
      if (generation === this.#generation) this.#lost(event.code, event.reason);
    };
    // The close event that follows has the details.
    socket.onerror = () => undefined;
    this.#timer = setTimeout(() => this.#lost(ABNORMAL, "no greeting in time"), this.#options.answerMs);
  }

  #received(data: unknown): void {
    this.#receivedAt = this.#options.now();
    const frame = parseFrame(data);
    if (frame === undefined) return;
    if (frame.type === "ack" || frame.type === "error" || frame.type === "pong") this.#answered();
    if (frame.type === "hello") {
      this.#isGreeted = true;
      this.#quietMs = this.#options.quietMs ?? 2 * (frame.heartbeat_ms || DEFAULT_HEARTBEAT_MS);
      this.#watch();
      this.#set({ status: "catching_up" });
    }
    const isLive = (frame.type === "live" || frame.type === "resync") && this.#status.status === "catching_up";
    if (isLive) this.#status = { status: "live" };
    this.#host.frame(frame);
    // Reported only now that the frame is applied. A listener may have ended the connection meanwhile.
    if (isLive && this.#status.status === "live") {
      this.#attempt = 0;
      this.#host.status(this.#status);
    }
  }

  #answered(): void {
    this.#unanswered = Math.max(0, this.#unanswered - 1);
    this.#answeredAt = this.#receivedAt;
    this.#isPinged = false;
  }

  /**
   * Detects silence: pings a quiet connection, and gives up one that answers nothing. An unanswered request is also
   * followed by a ping before that, because a healthy server may take long for a single request.
   */
  #watch(): void {
    clearTimeout(this.#timer);
    const { now, answerMs } = this.#options;
    const isWaiting = this.#unanswered > 0;
    const pingAt = isWaiting ? this.#answeredAt + answerMs / 2 : this.#receivedAt + this.#quietMs;
    const due = isWaiting && this.#isPinged ? this.#answeredAt + answerMs : pingAt;
    if (due > now()) {
      this.#timer = setTimeout(() => this.#watch(), due - now());
    } else if (isWaiting && this.#isPinged) {
      this.#lost(ABNORMAL, "no answer in time");
    } else {
      this.send(PING);
      this.#isPinged = true;
      this.#watch();
    }
  }

  #lost(code: number, reason: string): void {
    const wasGreeted = this.#isGreeted;
    const token = this.#token;
    this.#next();
    this.#host.down(code);
    this.#wait(code, reason);
    if (code === CLOSE.UNAUTHORIZED) this.#refuse(token);
    else if (!wasGreeted) void this.#host.isRefused(token).then((isRefused) => isRefused && this.#refuse(token));
  }

  /** Notes that the server refuses this token: a retry makes sense only with another one. */
  #refuse(token: string): void {
    const { status } = this.#status;
    if (status === "closed" || token !== this.#token) return;
    this.#refusedToken = token;
    if (!this.#options.isRefreshable) this.#end({ status: "unauthorized" });
  }

  #wait(code: number, reason: string): void {
    const announces = code === CLOSE.RESTART || code === CLOSE.TOO_MANY;
    const announced = announces ? announcedDelay(reason) : undefined;
    const delay = announced ?? fullJitter(this.#attempt, this.#options.random);
    this.#attempt += 1;
    this.#timer = setTimeout(() => void this.#open(), delay);
    this.#set({ status: "waiting", retry_in_ms: delay, code, reason });
  }

  #end(status: Status): void {
    const wasUp = this.#socket !== undefined;
    this.#next();
    globalThis.removeEventListener?.("online", this.#wake);
    if (wasUp) this.#host.down(1000);
    if (this.#status.status !== status.status) this.#set(status);
  }

  /** Leaves the current connection, and returns the number of the next one. */
  #next(): number {
    clearTimeout(this.#timer);
    this.#unanswered = 0;
    this.#isGreeted = false;
    // Not awaited: a dead connection may take minutes to close.
    this.#socket?.close(1000);
    this.#socket = undefined;
    this.#generation += 1;
    return this.#generation;
  }

  /** Retries at once when the system reports a network. */
  readonly #wake = (): void => {
    if (this.#status.status === "waiting") void this.#open();
    else this.send(PING);
  };
}
