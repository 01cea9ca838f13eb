/** The seq ranges of a conversation that are known without a gap. Pure: numbers, no messages. */

/** From `from` inclusive to `to` exclusive. */
interface SeqRange {
  from: number;
  to: number;
}

/** Disjoint ranges in ascending order. Adjacent ranges are merged. */
export class SeqRanges {
  #all: SeqRange[] = [];

  /** Adds the range from `from` inclusive to `to` exclusive, and merges it with ranges that it touches. */
  add(from: number, to: number): void {
    if (from >= to) return;
    const before = this.#all.filter((range) => range.to < from);
    const after = this.#all.filter((range) => range.from > to);
    const touching = this.#all.slice(before.length, this.#all.length - after.length);
    const first = touching[0];
    const last = touching.at(-1);
    const merged = { from: Math.min(from, first?.from ?? from), to: Math.max(to, last?.to ?? to) };
    this.#all = [...before, merged, ...after];
  }

  /** Returns the range that contains a number. */
  around(number: number): Readonly<SeqRange> | undefined {
    return this.#all.find(({ from, to }) => from <= number && number < to);
  }

  get last(): Readonly<SeqRange> | undefined {
    return this.#all.at(-1);
  }
}
