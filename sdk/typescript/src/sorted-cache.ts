/**
 * Items in sorted order. Each is built on demand and rebuilt only after it has changed, so unchanged ones cost nothing.
 * Knows no conversation and no network.
 */

export class SortedCache<Item extends { id: number }> {
  readonly #make: (id: number) => Item | undefined;
  readonly #compare: (a: Item, b: Item) => number;
  readonly #made = new Map<number, Item>();
  /** Ids that have changed since the last sort. */
  readonly #moved = new Set<number>();
  /** The item at each id's current position, until the id moves. */
  readonly #placed = new Map<number, Item>();
  #ordered: Item[] = [];

  /** `make` builds the item of an id, if there is one; `compare` must never return 0 for two different items. */
  constructor(make: (id: number) => Item | undefined, compare: (a: Item, b: Item) => number) {
    this.#make = make;
    this.#compare = compare;
  }

  /** Notes that an id's item has changed, appeared or disappeared. */
  changed(id: number): void {
    this.#made.delete(id);
    this.#moved.add(id);
  }

  /** Returns the item of an id: the same object until it changes. */
  get(id: number): Item | undefined {
    const have = this.#made.get(id);
    if (have !== undefined) return have;
    const made = this.#make(id);
    if (made !== undefined) this.#made.set(id, made);
    return made;
  }

  /** Returns all items in order. */
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

  /** Returns the index of an item, or the index at which it belongs. */
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
