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
  /** What stands in the order for an id, until the id is put in its new place. */
  readonly #placed = new Map<number, Item>();
  #ordered: Item[] = [];

  /** `make` gives what there is of an id, if anything; `compare` tells any two apart. */
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
    for (const id of this.#moved) this.#place(id);
    this.#moved.clear();
    return [...this.#ordered];
  }

  #place(id: number): void {
    const had = this.#placed.get(id);
    if (had !== undefined) this.#ordered.splice(this.#position(had), 1);
    const has = this.get(id);
    if (has === undefined) return void this.#placed.delete(id);
    this.#ordered.splice(this.#position(has), 0, has);
    this.#placed.set(id, has);
  }

  /** Where an item is or belongs. */
  #position(item: Item): number {
    let low = 0;
    let high = this.#ordered.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.#ordered[middle]!, item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  clear(): void {
    this.#made.clear();
    this.#moved.clear();
    this.#placed.clear();
    this.#ordered = [];
  }
}
