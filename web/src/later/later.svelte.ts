/**
 * Code that is not needed to read and write in a conversation: actions on messages, aids for writing.
 * Loaded as soon as the conversation has been rendered, so that the first picture needs less code, and the rest is
 * there before the user needs it. Belongs to the page, not to a user.
 */

type Parts = typeof import("./parts.js");

class Later {
  /** The loaded code; `undefined` until then. */
  parts = $state.raw<Parts | undefined>();
  #loading: Promise<void> | undefined;

  /** Loads the code. After a failure the next call tries again. */
  load(): Promise<void> {
    this.#loading ??= import("./parts.js").then(
      (parts) => void (this.parts = parts),
      () => void (this.#loading = undefined),
    );
    return this.#loading;
  }
}

export const later = new Later();
