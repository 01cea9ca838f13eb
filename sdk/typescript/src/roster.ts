/**
 * Things in an order, each put together when it is asked for and again only after it has changed: what lies still costs
 * nothing. Knows no conversation and no network.
 */

export class Roster<Item extends { id: number }> {
  readonly #make: (id: number) => Item | undefined;
  readonly #compare: (a: Item, b: Item) => number;
  readonly #made = new Map<number, Item>();
  /** Those that have changed since they were put in order. */
  readonly #moved = new Set<number>();
  #ordered: Item[] = [];

  /** `make` gives what there is of an id, if anything. */
  constructor(make: (id: number) => Item | undefined, compare: (a: Item, b: Item) => number) {
    this.#make = make;
    this.#compare = compare;
  }

  /** What an id stands for has changed, has come or has gone. */
  changed(id: number): void {
    this.#made.delete(id);
    this.#moved.add(id);
  }

  /** The same object until it changes. */
  get(id: number): Item | undefined {
    const have = this.#made.get(id);
    if (have !== undefined) return have;
    const made = this.#make(id);
    if (made !== undefined) this.#made.set(id, made);
    return made;
  }

  /** All, in order. */
  all(): Item[] {
    if (this.#moved.size > 0) {
      const stayed = this.#ordered.filter(({ id }) => !this.#moved.has(id));
      const moved = [...this.#moved].map((id) => this.get(id)).filter((item) => item !== undefined);
      // Two runs in order are merged by the sort, without comparing all with each other.
      this.#ordered = [...stayed, ...moved.sort(this.#compare)].sort(this.#compare);
      this.#moved.clear();
    }
    return [...this.#ordered];
  }

  clear(): void {
    this.#made.clear();
    this.#moved.clear();
    this.#ordered = [];
  }
}
