/**
 * What one user leaves on this device, under names of their own. A session that keeps nothing has it in memory alone.
 * `forget` in keep.ts clears it.
 */

const PREFIX = "chatserver.";

export class Shelf {
  readonly #memory = new Map<string, string>();

  /** Without a name nothing outlives the page. */
  constructor(readonly username?: string) {}

  get(name: string): unknown {
    const text = this.username === undefined ? this.#memory.get(name) : localStorage.getItem(this.#key(name));
    try {
      return JSON.parse(text ?? "null") ?? undefined;
    } catch {
      return undefined;
    }
  }

  /** Puts something there, or `undefined` to take it away. */
  set(name: string, value: unknown): void {
    if (value === undefined) return this.#remove(name);
    const text = JSON.stringify(value);
    if (this.username === undefined) return void this.#memory.set(name, text);
    try {
      localStorage.setItem(this.#key(name), text);
    } catch {
      // The device has no room. What is kept here is a convenience, and goes on without.
    }
  }

  #remove(name: string): void {
    this.#memory.delete(name);
    if (this.username !== undefined) localStorage.removeItem(this.#key(name));
  }

  #key(name: string): string {
    return `${PREFIX}${name}.${this.username}`;
  }
}
