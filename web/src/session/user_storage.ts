/**
 * Storage of one user on this device, by name. A session that stores nothing keeps it in memory only.
 * `clearStorage` in saved_login.ts removes it.
 */

const PREFIX = "chatserver.";

export class UserStorage {
  readonly #memory = new Map<string, string>();

  /** Without a name nothing survives the page. */
  constructor(readonly username?: string) {}

  get(name: string): unknown {
    const text = this.username === undefined ? this.#memory.get(name) : localStorage.getItem(this.#key(name));
    try {
      return JSON.parse(text ?? "null") ?? undefined;
    } catch {
      return undefined;
    }
  }

  /** Stores a value; `undefined` removes it. */
  set(name: string, value: unknown): void {
    if (value === undefined) return this.#remove(name);
    const text = JSON.stringify(value);
    if (this.username === undefined) return void this.#memory.set(name, text);
    try {
      localStorage.setItem(this.#key(name), text);
    } catch {
      // No room on the device. Everything stored here is a convenience, and the client works without it.
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
