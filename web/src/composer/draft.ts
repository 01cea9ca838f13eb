/**
 * Merges the draft on this device with the one on the server, which the user's other devices write too. Pure.
 *
 * Text typed here that has not reached the server stays, whatever other devices send. Without such text, the server's
 * newest version replaces the local one.
 */

/** A draft as stored on this device. */
export interface StoredDraft {
  text: string;
  /** The server's text when this draft was last in sync with it. */
  base: string;
}

/** Number of our own changes whose echoes are still recognized. */
const MAX_ECHOES = 8;

export class Draft {
  text: string;
  #base: string;
  /** The server's last text, to tell a new one from a repetition. */
  #remote: string | undefined;
  /** Texts sent to the server that it will send back. */
  #echoes: string[] = [];

  constructor({ text, base }: StoredDraft = { text: "", base: "" }) {
    this.text = text;
    this.#base = base;
  }

  /** Whether the server does not have the text yet. */
  get isDirty(): boolean {
    return this.text !== this.#base;
  }

  /** The draft to store; `undefined` if nothing is written and the server knows it. */
  get stored(): StoredDraft | undefined {
    return this.text === "" && !this.isDirty ? undefined : { text: this.text, base: this.#base };
  }

  /** Takes the server's text. Returns whether it has replaced the local one. */
  receive(remote: string): boolean {
    if (remote === this.#remote) return false;
    this.#remote = remote;
    const echo = this.#echoes.indexOf(remote);
    if (echo >= 0) {
      this.#echoes.splice(0, echo + 1);
      return false;
    }
    const isReplaced = !this.isDirty && remote !== this.text;
    this.#base = remote;
    if (isReplaced) this.text = remote;
    return isReplaced;
  }

  /** Notes that the text is being sent to the server, and returns it. */
  pushing(): string {
    this.#echoes = [...this.#echoes, this.text].slice(-MAX_ECHOES);
    return this.text;
  }

  /** Notes that the server has the text. */
  pushed(text: string): void {
    this.#base = text;
  }

  /** Notes that the server refused the text or could not be reached. */
  failed(text: string): void {
    this.#echoes = this.#echoes.filter((echo) => echo !== text);
  }
}
