/**
 * A network that cannot be relied on: a TCP proxy that delays and splits what it carries, and ends connections in the
 * ways in which real ones end: at once, on one side only, or silently.
 */

import { createServer, connect, type AddressInfo, type Server as Listener, type Socket } from "node:net";
import type { Chance } from "./random.js";

/** How a connection ends. In a hole everything vanishes, and nobody is told. */
export const FATES = ["cut", "reset", "half_to_client", "half_to_server", "hole", "hole_up", "hole_down"] as const;
export type Fate = (typeof FATES)[number];

/** A connection lives from so long to so long. */
const LIFE_MS = [20, 400] as const;
const MAX_DELAY_MS = 15;
/** How long the open half of a half-closed connection stays. */
const HALF_MS = 250;

interface Pair {
  client: Socket;
  server: Socket;
  isHoleUp: boolean;
  isHoleDown: boolean;
  timer?: NodeJS.Timeout;
}

export class Proxy {
  /** How often each fate was met. */
  readonly met = new Map<Fate, number>();
  readonly #chance: Chance;
  readonly #listener: Listener;
  readonly #pairs = new Set<Pair>();
  readonly #target: () => number;
  #fates: Fate[] = [];
  #isCalm = false;

  private constructor(target: () => number, chance: Chance) {
    this.#target = target;
    this.#chance = chance;
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#carry(client));
  }

  /** A proxy on a free port; `target` gives the server's port at the time of each connection. */
  static async listen(target: () => number, chance: Chance): Promise<Proxy> {
    const proxy = new Proxy(target, chance);
    await new Promise<void>((resolve) => proxy.#listener.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`;
  }

  /** From now on connections live, but for those that are lost already. */
  calm(): void {
    this.#isCalm = true;
    for (const pair of this.#pairs) {
      clearTimeout(pair.timer);
      if (pair.isHoleUp || pair.isHoleDown) end(pair);
    }
  }

  close(): void {
    this.#listener.close();
    for (const pair of this.#pairs) end(pair);
  }

  #carry(client: Socket): void {
    const server = connect({ port: this.#target(), host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    const pair: Pair = { client, server, isHoleUp: false, isHoleDown: false };
    this.#pairs.add(pair);
    this.#pass(client, server, () => pair.isHoleUp);
    this.#pass(server, client, () => pair.isHoleDown);
    for (const socket of [client, server]) {
      socket.on("error", () => end(pair));
      socket.on("close", () => {
        end(pair);
        this.#pairs.delete(pair);
      });
    }
    if (this.#isCalm) return;
    pair.timer = setTimeout(() => this.#strike(pair), this.#chance.between(...LIFE_MS));
  }

  /** Carries bytes in one direction, late and in other pieces. */
  #pass(from: Socket, to: Socket, isHole: () => boolean): void {
    let work = Promise.resolve();
    const next = (step: () => void): void => {
      const delay = this.#isCalm ? 0 : this.#chance.between(0, MAX_DELAY_MS);
      work = work.then(() => new Promise((resolve) => setTimeout(resolve, delay))).then(step);
    };
    from.on("data", (bytes: Buffer) => {
      const at = this.#chance.between(0, bytes.length);
      for (const part of [bytes.subarray(0, at), bytes.subarray(at)]) {
        if (part.length > 0) next(() => void (to.writable && !isHole() && to.write(part)));
      }
    });
    from.on("end", () => next(() => void (to.writable && !isHole() && to.end())));
  }

  #strike(pair: Pair): void {
    const fate = this.#nextFate();
    this.met.set(fate, (this.met.get(fate) ?? 0) + 1);
    if (fate === "cut") end(pair);
    if (fate === "reset") {
      pair.client.resetAndDestroy();
      pair.server.resetAndDestroy();
    }
    if (fate === "half_to_client") pair.client.end();
    if (fate === "half_to_server") pair.server.end();
    if (fate.startsWith("half")) pair.timer = setTimeout(() => end(pair), HALF_MS);
    if (fate === "hole" || fate === "hole_up") pair.isHoleUp = true;
    if (fate === "hole" || fate === "hole_down") pair.isHoleDown = true;
  }

  /** In a random order, but each as often as the others. */
  #nextFate(): Fate {
    if (this.#fates.length === 0) {
      const drawn = FATES.map((fate) => ({ fate, at: this.#chance.next() }));
      this.#fates = drawn.sort((a, b) => a.at - b.at).map(({ fate }) => fate);
    }
    return this.#fates.pop()!;
  }
}

function end({ client, server, timer }: Pair): void {
  clearTimeout(timer);
  client.destroy();
  server.destroy();
}
