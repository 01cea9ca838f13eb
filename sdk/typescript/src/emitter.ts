/** Typed events. A listener that throws harms no other listener. */

export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(payload: never) => void>>();
  readonly #failed: (error: unknown) => void;

  /** `failed` gets what listeners throw. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** Listens until the function that comes back is called. */
  on<Name extends keyof Events>(name: Name, listener: (payload: Events[Name]) => void): () => void {
    // Wrapped, so that the same function may listen twice and leave once.
    const entry = (payload: Events[Name]): void => listener(payload);
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(entry));
    return () => void listeners.delete(entry);
  }

  emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (payload: Events[Name]) => void)(payload);
      } catch (error) {
        // A listener for errors that throws cannot be told of its error.
        if (name === "error") queueMicrotask(() => { throw error; });
        else this.#failed(error);
      }
    }
  }
}
