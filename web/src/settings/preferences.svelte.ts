/** The user's preferences for notifications, writing and reading, on this device. Removed on signing out. */

const KEY = "chatserver.preferences";

interface Values {
  notifies: boolean;
  sounds: boolean;
  sendsByEnter: boolean;
  loadsPictures: boolean;
}

const DEFAULTS: Values = { notifies: false, sounds: false, sendsByEnter: true, loadsPictures: false };

class Preferences {
  #values = $state.raw<Values>(DEFAULTS);

  /** Whether the system shows messages that arrive while the page is hidden. */
  get notifies(): boolean {
    return this.#values.notifies;
  }

  get sounds(): boolean {
    return this.#values.sounds;
  }

  /** Whether Enter sends. Otherwise it begins a new line, and Ctrl+Enter or Cmd+Enter sends. */
  get sendsByEnter(): boolean {
    return this.#values.sendsByEnter;
  }

  /** Whether pictures of other sites load by themselves, which tells those sites the reader's IP address. */
  get loadsPictures(): boolean {
    return this.#values.loadsPictures;
  }

  /** Reads the stored preferences. Must be called after signing in, since signing out removes them. */
  load(): void {
    try {
      const found = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Values> | null;
      this.#values = { ...DEFAULTS, ...found };
    } catch {
      this.#values = DEFAULTS;
    }
  }

  choose(change: Partial<Values>): void {
    this.#values = { ...this.#values, ...change };
    localStorage.setItem(KEY, JSON.stringify(this.#values));
  }
}

export const preferences = new Preferences();
