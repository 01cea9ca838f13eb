/**
 * What nobody needs to read a conversation and to write in it: what can be done with messages, what helps while one writes.
 * Loaded as soon as the conversation has been drawn, so that the first picture waits for less and the rest is there before
 * a hand has come near it. Of the page, not of a user.
 */

type Parts = typeof import("./parts.js");

class Later {
  /** All of it, once it is there. */
  parts = $state.raw<Parts | undefined>();
  #loading: Promise<void> | undefined;

  /** What could not be loaded is loaded by the next who asks. */
  load(): Promise<void> {
    this.#loading ??= import("./parts.js").then(
      (parts) => void (this.parts = parts),
      () => void (this.#loading = undefined),
    );
    return this.#loading;
  }
}

export const later = new Later();
