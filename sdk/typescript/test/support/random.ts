/** Repeatable random numbers: a small generator (mulberry32) and its seed. */

export class SeededRandom {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** Returns a number from 0 to 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Returns a whole number from `low` inclusive to `high` exclusive. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low));
  }

  pick<T>(from: readonly T[]): T {
    return from[this.between(0, from.length)]!;
  }
}

/** Seeds from the environment's `SEED`, or at random. Prints the seed, so that a failure can be repeated. */
export function seededRandom(): SeededRandom {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`# SEED=${seed}`);
  return new SeededRandom(seed);
}
