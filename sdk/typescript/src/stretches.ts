/** Which parts of a conversation are known without a hole. Pure: numbers, no messages. */

/** From `from` to just before `to`. */
interface Stretch {
  from: number;
  to: number;
}

/** Stretches that neither meet nor overlap, in order. */
export class Stretches {
  #all: Stretch[] = [];

  /** Everything from `from` to just before `to` is known; what it meets becomes one with it. */
  add(from: number, to: number): void {
    if (from >= to) return;
    const before = this.#all.filter((stretch) => stretch.to < from);
    const after = this.#all.filter((stretch) => stretch.from > to);
    const met = this.#all.slice(before.length, this.#all.length - after.length);
    const first = met[0];
    const last = met.at(-1);
    const merged = { from: Math.min(from, first?.from ?? from), to: Math.max(to, last?.to ?? to) };
    this.#all = [...before, merged, ...after];
  }

  /** The stretch that holds a number. */
  around(number: number): Readonly<Stretch> | undefined {
    return this.#all.find(({ from, to }) => from <= number && number < to);
  }

  /** The last one. */
  get last(): Readonly<Stretch> | undefined {
    return this.#all.at(-1);
  }
}
