/** Chance that can be repeated: a small generator of pseudo-random numbers (mulberry32), and the seed it began with. */

export class Chance {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `low` up to, but without, `high`. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low));
  }

  pick<T>(from: readonly T[]): T {
    return from[this.between(0, from.length)]!;
  }
}

/** Chance from the environment's `SEED`, or a new seed; the seed is printed, so that a failure can be repeated. */
export function chance(): Chance {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`# SEED=${seed}`);
  return new Chance(seed);
}
