/** How whoever is signed in wants to be told, to write and to read, on this device. Forgotten with the session. */

const KEY = "chatserver.preferences";

interface Kept {
  notifies: boolean;
  sounds: boolean;
  sendsByEnter: boolean;
  loadsPictures: boolean;
}

const DEFAULTS: Kept = { notifies: false, sounds: false, sendsByEnter: true, loadsPictures: false };

class Preferences {
  #kept = $state.raw<Kept>(DEFAULTS);

  /** Whether the system shows messages that come while the page is out of sight. */
  get notifies(): boolean {
    return this.#kept.notifies;
  }

  get sounds(): boolean {
    return this.#kept.sounds;
  }

  /** Whether Enter sends; else it begins a line, and Ctrl or Cmd with it sends. */
  get sendsByEnter(): boolean {
    return this.#kept.sendsByEnter;
  }

  /** Whether pictures of other sites are loaded unasked, which tells these where the reader is. */
  get loadsPictures(): boolean {
    return this.#kept.loadsPictures;
  }

  /** Reads what was kept; to be called when somebody signs in, since signing out forgets it. */
  load(): void {
    try {
      const found = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Kept> | null;
      this.#kept = { ...DEFAULTS, ...found };
    } catch {
      this.#kept = DEFAULTS;
    }
  }

  choose(change: Partial<Kept>): void {
    this.#kept = { ...this.#kept, ...change };
    localStorage.setItem(KEY, JSON.stringify(this.#kept));
  }
}

export const preferences = new Preferences();
