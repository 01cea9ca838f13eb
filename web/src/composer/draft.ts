/**
 * What is written and not sent, here and on the user's other devices: who gives way to whom. Pure.
 *
 * What was typed here and has not reached the server stays, whatever other devices say. Where nothing was typed, the
 * newest word of the server is taken.
 */

/** What outlives the page. */
export interface KeptDraft {
  text: string;
  /** What the server had when this was last in step with it. */
  base: string;
}

/** So many of our own changes may still come back to us. */
const MAX_ECHOES = 8;

export class Draft {
  text: string;
  #base: string;
  /** The server's word as it was last heard, to tell a new one from the same one heard again. */
  #heard: string | undefined;
  /** What we have told the server, and will hear from it once more. */
  #echoes: string[] = [];

  constructor({ text, base }: KeptDraft = { text: "", base: "" }) {
    this.text = text;
    this.#base = base;
  }

  /** Whether the server has yet to learn of it. */
  get isDirty(): boolean {
    return this.text !== this.#base;
  }

  /** What has to be kept; nothing, if nothing is written and the server knows it. */
  get kept(): KeptDraft | undefined {
    return this.text === "" && !this.isDirty ? undefined : { text: this.text, base: this.#base };
  }

  /** The server says what it has. Whether the text is another one by that. */
  told(remote: string): boolean {
    if (remote === this.#heard) return false;
    this.#heard = remote;
    const echo = this.#echoes.indexOf(remote);
    if (echo >= 0) {
      this.#echoes.splice(0, echo + 1);
      return false;
    }
    const gives = !this.isDirty && remote !== this.text;
    this.#base = remote;
    if (gives) this.text = remote;
    return gives;
  }

  /** The text is on its way to the server. */
  pushing(): string {
    this.#echoes = [...this.#echoes, this.text].slice(-MAX_ECHOES);
    return this.text;
  }

  /** The server has it. */
  pushed(text: string): void {
    this.#base = text;
  }

  /** The server refused it, or could not be reached. */
  failed(text: string): void {
    this.#echoes = this.#echoes.filter((echo) => echo !== text);
  }
}
