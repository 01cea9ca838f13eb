/** Version counters that make outside changes reactive. Knows keys and numbers, and not what they mean. */

/** Shortest time between two updates of components: one frame. */
const FRAME_MS = 16;

class Tick {
  version = $state(0);
}

/** Makes the counter in a root of its own, because an effect does not track state that it has created itself. */
function newTick(): Tick {
  let tick!: Tick;
  $effect.root(() => void (tick = new Tick()))();
  return tick;
}

/** One version per key, incremented when the key's object has changed. A burst of changes counts once. */
export class Ticks<Key> {
  readonly #ticks = new Map<Key, Tick>();
  readonly #touched = new Set<Key>();
  #flushedAt = 0;
  #isDue = false;

  /** Returns the version. The calling effect runs again when the key is touched. */
  follow(key: Key): number {
    let tick = this.#ticks.get(key);
    if (tick === undefined) this.#ticks.set(key, (tick = newTick()));
    return tick.version;
  }

  /** Notes that the key's object has changed. */
  touch(key: Key): void {
    this.#touched.add(key);
    this.#flushSoon();
  }

  /** Notes that everything has changed. */
  touchAll(): void {
    for (const key of this.#ticks.keys()) this.#touched.add(key);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setTimeout(() => this.#flush(), Math.max(0, this.#flushedAt + FRAME_MS - performance.now()));
  }

  #flush(): void {
    this.#isDue = false;
    this.#flushedAt = performance.now();
    for (const key of this.#touched) {
      const tick = this.#ticks.get(key);
      if (tick !== undefined) tick.version += 1;
    }
    this.#touched.clear();
  }
}
