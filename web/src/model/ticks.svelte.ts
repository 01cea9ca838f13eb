/**
 * Makes what changes elsewhere something that components follow. Knows numbers and keys, nothing of what they stand for.
 */

/** Between two looks of the components at what changes: as often as a screen is drawn. */
const FRAME_MS = 16;

class Tick {
  version = $state(0);
}

/** Made outside of whoever asks first: a reaction does not follow what it has made itself. */
function newTick(): Tick {
  let tick!: Tick;
  $effect.root(() => void (tick = new Tick()))();
  return tick;
}

/** For each key a version that moves when what the key stands for has changed. A burst of changes moves it once. */
export class Ticks<Key> {
  readonly #ticks = new Map<Key, Tick>();
  readonly #touched = new Set<Key>();
  #flushedAt = 0;
  #isDue = false;

  /** Whoever reads this is run again when the key is touched. */
  follow(key: Key): number {
    let tick = this.#ticks.get(key);
    if (tick === undefined) this.#ticks.set(key, (tick = newTick()));
    return tick.version;
  }

  /** What the key stands for has changed. */
  touch(key: Key): void {
    this.#touched.add(key);
    this.#flushSoon();
  }

  /** Everything has changed. */
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
