/** The widget in the embedding page: a button, and the frame with the chat's window. */

import { widget as words } from "../strings/widget.js";
import { Surface } from "./surface.js";
import { HOST, type ToPage, type ToWindow } from "./messages.js";
import type { ResolvedOptions } from "./options.js";

/** Time without a message after which the window counts as failed: the server is away, or does not allow this page. */
const TIMEOUT_MS = 30_000;
/** The same after the frame has loaded a page, which may be the browser's own error page. */
const LOADED_TIMEOUT_MS = 3_000;

export interface WidgetEvents {
  unread: number;
  open: undefined;
  close: undefined;
}
type Listener<Name extends keyof WidgetEvents> = (payload: WidgetEvents[Name]) => void;

export class Widget {
  readonly #options: ResolvedOptions;
  readonly #surface: Surface;
  readonly #listeners = new Map<keyof WidgetEvents, Set<Listener<never>>>();
  #isOpen = false;
  #isReady = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    const { server, title = words.title, position, theme } = options;
    const address = `${server}/embed.html#${new URLSearchParams({ [HOST]: location.origin })}`;
    this.#surface = new Surface({ address, title, position, theme });
    this.#surface.ontoggle = () => (this.#isOpen ? this.close() : this.open());
    this.#surface.onescape = () => this.close();
    this.#surface.onnear = () => this.#post({ type: "soon" });
    addEventListener("message", this.#received);
    this.#wait(TIMEOUT_MS);
    this.#surface.onload = () => !this.#isReady && this.#wait(LOADED_TIMEOUT_MS);
    this.#surface.show();
    if (options.isOpen) this.#turn(true);
  }

  /** Opens the window and focuses it. */
  open(): void {
    this.#turn(true);
    this.#surface.focusWindow();
  }

  /** Closes the window. If it had the focus, the button gets it. */
  close(): void {
    const hadFocus = this.#surface.hasFocus;
    this.#turn(false);
    if (hadFocus) this.#surface.focusButton();
  }

  /** Removes the widget from the page. */
  destroy(): void {
    clearTimeout(this.#timer);
    removeEventListener("message", this.#received);
    this.#listeners.clear();
    this.#surface.remove();
  }

  /** Adds a listener. Returns a function that removes it. */
  on<Name extends keyof WidgetEvents>(name: Name, listener: Listener<Name>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  #turn(isOpen: boolean): void {
    if (isOpen === this.#isOpen) return;
    this.#isOpen = isOpen;
    this.#surface.turn(isOpen);
    this.#post({ type: "shown", isOpen });
    this.#emit(isOpen ? "open" : "close", undefined);
  }

  #emit<Name extends keyof WidgetEvents>(name: Name, payload: WidgetEvents[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) (listener as Listener<Name>)(payload);
  }

  #post(message: ToWindow): void {
    if (this.#isReady) this.#surface.window?.postMessage(message, this.#options.server);
  }

  readonly #received = (event: MessageEvent): void => {
    if (event.source === null || event.source !== this.#surface.window || event.origin !== this.#options.server) return;
    const message = event.data as ToPage;
    if (message.type === "ready") this.#ready();
    else if (message.type === "drawn") this.#surface.drawn();
    else if (message.type === "failed") this.#surface.failed();
    else if (message.type === "ask") void this.#answer(message.id);
    else if (message.type === "close") this.close();
    else if (message.type === "unread") {
      this.#surface.count(message.count);
      this.#emit("unread", message.count);
    }
  };

  #ready(): void {
    clearTimeout(this.#timer);
    this.#isReady = true;
    const { to, title, theme } = this.#options;
    this.#post({ type: "start", to, title, theme });
    this.#post({ type: "shown", isOpen: this.#isOpen });
  }

  async #answer(id: number): Promise<void> {
    try {
      const token = await this.#options.getToken();
      if (typeof token !== "string" || token === "") throw new TypeError(words.noToken);
      this.#post({ type: "token", id, token });
    } catch (error) {
      console.error(error);
      this.#post({ type: "token", id, reason: error instanceof Error ? error.message : String(error) });
    }
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#failed(), ms);
  }

  #failed(): void {
    console.error(words.refused(this.#options.server, location.origin));
    this.#surface.failed();
  }
}
