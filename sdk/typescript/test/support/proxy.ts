/**
 * An unreliable network: a TCP proxy that delays and splits data, and ends connections as real networks do: at once, on
 * one side only, or silently.
 */

import { createServer, connect, type AddressInfo, type Server as Listener, type Socket } from "node:net";
import type { SeededRandom } from "./random.js";

/** The ways in which a connection ends. In a black hole data disappears, and neither side notices. */
export const FAULTS = [
  "cut",
  "reset",
  "half_to_client",
  "half_to_server",
  "black_hole",
  "black_hole_up",
  "black_hole_down",
] as const;
export type Fault = (typeof FAULTS)[number];

/** Shortest and longest life of a connection. */
const LIFE_MS = [20, 400] as const;
const MAX_DELAY_MS = 15;
/** How long the open half of a half-closed connection stays open. */
const HALF_MS = 250;

interface Pair {
  client: Socket;
  server: Socket;
  isBlackHoleUp: boolean;
  isBlackHoleDown: boolean;
  timer?: NodeJS.Timeout;
}

export class Proxy {
  /** How often each fault was injected. */
  readonly injected = new Map<Fault, number>();
  readonly #random: SeededRandom;
  readonly #listener: Listener;
  readonly #pairs = new Set<Pair>();
  readonly #target: () => number;
  #faults: Fault[] = [];
  #areFaultsStopped = false;

  private constructor(target: () => number, random: SeededRandom) {
    this.#target = target;
    this.#random = random;
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#forward(client));
  }

  /** Starts a proxy on a free port. `target` returns the server's port at the time of each connection. */
  static async listen(target: () => number, random: SeededRandom): Promise<Proxy> {
    const proxy = new Proxy(target, random);
    await new Promise<void>((resolve) => proxy.#listener.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`;
  }

  /** Stops injecting faults. Connections in a black hole are ended, all others live on. */
  stopFaults(): void {
    this.#areFaultsStopped = true;
    for (const pair of this.#pairs) {
      clearTimeout(pair.timer);
      if (pair.isBlackHoleUp || pair.isBlackHoleDown) end(pair);
    }
  }

  close(): void {
    this.#listener.close();
    for (const pair of this.#pairs) end(pair);
  }

  #forward(client: Socket): void {
    const server = connect({ port: this.#target(), host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    const pair: Pair = { client, server, isBlackHoleUp: false, isBlackHoleDown: false };
    this.#pairs.add(pair);
    this.#pipe(client, server, () => pair.isBlackHoleUp);
    this.#pipe(server, client, () => pair.isBlackHoleDown);
    for (const socket of [client, server]) {
      socket.on("error", () => end(pair));
      socket.on("close", () => {
        end(pair);
        this.#pairs.delete(pair);
      });
    }
    if (this.#areFaultsStopped) return;
    pair.timer = setTimeout(() => this.#inject(pair), this.#random.between(...LIFE_MS));
  }

  /** Forwards bytes in one direction, delayed and in different pieces. */
  #pipe(from: Socket, to: Socket, isBlackHole: () => boolean): void {
    let work = Promise.resolve();
    const next = (step: () => void): void => {
      const delay = this.#areFaultsStopped ? 0 : this.#random.between(0, MAX_DELAY_MS);
      work = work.then(() => new Promise((resolve) => setTimeout(resolve, delay))).then(step);
    };
    from.on("data", (bytes: Buffer) => {
      const at = this.#random.between(0, bytes.length);
      for (const part of [bytes.subarray(0, at), bytes.subarray(at)]) {
        if (part.length > 0) next(() => void (to.writable && !isBlackHole() && to.write(part)));
      }
    });
    from.on("end", () => next(() => void (to.writable && !isBlackHole() && to.end())));
  }

  #inject(pair: Pair): void {
    const fault = this.#nextFault();
    this.injected.set(fault, (this.injected.get(fault) ?? 0) + 1);
    if (fault === "cut") end(pair);
    if (fault === "reset") {
      pair.client.resetAndDestroy();
      pair.server.resetAndDestroy();
    }
    if (fault === "half_to_client") pair.client.end();
    if (fault === "half_to_server") pair.server.end();
    if (fault.startsWith("half")) pair.timer = setTimeout(() => end(pair), HALF_MS);
    if (fault === "black_hole" || fault === "black_hole_up") pair.isBlackHoleUp = true;
    if (fault === "black_hole" || fault === "black_hole_down") pair.isBlackHoleDown = true;
  }

  /** Draws the next fault: in random order, but each as often as the others. */
  #nextFault(): Fault {
    if (this.#faults.length === 0) {
      const drawn = FAULTS.map((fault) => ({ fault, at: this.#random.next() }));
      this.#faults = drawn.sort((a, b) => a.at - b.at).map(({ fault }) => fault);
    }
    return this.#faults.pop()!;
  }
}

function end({ client, server, timer }: Pair): void {
  clearTimeout(timer);
  client.destroy();
  server.destroy();
}
