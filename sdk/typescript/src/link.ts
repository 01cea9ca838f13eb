/**
 * One connection after another: connects, proves who we are, notices silence, waits, and connects again.
 * Hands frames on and understands none but `hello`, `live` and `resync`; keeps nothing that a frame tells.
 */

import { announcedDelay, fullJitter } from "./backoff.js";
import { CLOSE, parseFrame, PROTOCOL, type ServerFrame } from "./protocol.js";

/** The part of a browser's WebSocket that is used; `ws` has it too. */
export interface WebSocketLike {
  send(data: string): void;
  close(code?: number, reason?: string): void;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
}

export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketLike;

export type Status =
  /** Not connected, and not trying: before `connect`, and after `close`. */
  | { status: "closed" }
  | { status: "connecting" }
  /** Connected; what was missed is coming in. */
  | { status: "catching_up" }
  | { status: "live" }
  /** Not connected; the next try comes after so long. */
  | { status: "waiting"; retry_in_ms: number; code: number; reason: string }
  /** The server does not take the token; `connect` again when there is another. */
  | { status: "unauthorized" };

export interface LinkOptions {
  url: string;
  WebSocket: WebSocketClass;
  token: () => string | Promise<string>;
  /** Whether another call of `token` may give another token. */
  isRefreshable: boolean;
  /** How long an answer may take before the connection counts as dead. */
  answerMs: number;
  /** How long silence is normal; by default twice the server's heartbeat. */
  quietMs: number | undefined;
  now: () => number;
  random: () => number;
}

export interface LinkHost {
  cursor(): string | undefined;
  /** Asks by REST whether the server refuses the token: a browser does not tell why a WebSocket was refused. */
  isRefused(token: string): Promise<boolean>;
  /** Every frame; after a `hello` frames can be sent. */
  frame(frame: ServerFrame): void;
  down(code: number): void;
  status(status: Status): void;
  failed(error: unknown): void;
}

const PING = { op: "ping", id: "ping" };
const DEFAULT_HEARTBEAT_MS = 15_000;
/** Closed without a closing frame, or given up by us. */
const ABNORMAL = 1006;

/** Where the stream is, from where the server is. */
export function streamUrl(url: string, cursor: string | undefined): string {
  const stream = new URL("ws", url.endsWith("/") ? url : `${url}/`);
  stream.protocol = stream.protocol.replace("http", "ws");
  if (cursor !== undefined) stream.searchParams.set("cursor", cursor);
  return stream.href;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #host: LinkHost;
  #status: Status = { status: "closed" };
  /** Counts connections; whatever an older one still says is not heard. */
  #turn = 0;
  #socket: WebSocketLike | undefined;
  #isGreeted = false;
  #attempt = 0;
  #token = "";
  #refusedToken: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #quietMs = 0;
  #heardAt = 0;
  /** Frames of ours that wait for their answer; what else comes in does not show that ours arrive. */
  #unanswered = 0;
  /** When the last answer came, or the first frame was sent that waits for one. */
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
    const turn = this.#next();
    this.#set({ status: "connecting" });
    try {
      const token = await this.#options.token();
      if (turn !== this.#turn) return;
      if (token === this.#refusedToken) return this.#end({ status: "unauthorized" });
      this.#token = token;
      const url = streamUrl(this.#options.url, this.#host.cursor());
      this.#follow(turn, new this.#options.WebSocket(url, [PROTOCOL, `bearer.${token}`]));
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#host.failed(error);
      this.#wait(ABNORMAL, "");
    }
  }

  #follow(turn: number, socket: WebSocketLike): void {
    this.#socket = socket;
    socket.onmessage = (event: { data: unknown }) => {
      if (turn === this.#turn) this.#heard(event.data);
    };
    socket.onclose = (event: { code: number; reason: string }) => {
      if (turn === this.#turn) this.#lost(event.code, event.reason);
    };
    // What went wrong stands in the close event that follows.
    socket.onerror = () => undefined;
    this.#timer = setTimeout(() => this.#lost(ABNORMAL, "no greeting in time"), this.#options.answerMs);
  }

  #heard(data: unknown): void {
    this.#heardAt = this.#options.now();
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
    // Said only now, when what the frame brought is known; a listener may have ended the connection meanwhile.
    if (isLive && this.#status.status === "live") {
      this.#attempt = 0;
      this.#host.status(this.#status);
    }
  }

  #answered(): void {
    this.#unanswered = Math.max(0, this.#unanswered - 1);
    this.#answeredAt = this.#heardAt;
    this.#isPinged = false;
  }

  /**
   * Sees to it that silence is noticed: a quiet connection is asked, and one that answers nothing is given up. Before
   * that it is asked too, because what was asked for may take long on a server that is well.
   */
  #watch(): void {
    clearTimeout(this.#timer);
    const { now, answerMs } = this.#options;
    const isWaiting = this.#unanswered > 0;
    const pingAt = isWaiting ? this.#answeredAt + answerMs / 2 : this.#heardAt + this.#quietMs;
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

  /** The server does not take this token: only another one makes a further try worth while. */
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

  /** Leaves the present connection; its number is no longer the one that is heard. */
  #next(): number {
    clearTimeout(this.#timer);
    this.#unanswered = 0;
    this.#isGreeted = false;
    // A dead connection may take minutes to close: nobody waits for it.
    this.#socket?.close(1000);
    this.#socket = undefined;
    this.#turn += 1;
    return this.#turn;
  }

  /** The system says that there is a network again. */
  readonly #wake = (): void => {
    if (this.#status.status === "waiting") void this.#open();
    else this.send(PING);
  };
}
