/** The widget in the embedding page: a button, and beside it the frame with the chat's window. */

import { widget as words } from "../strings/widget.js";
import { Surface } from "./surface.js";
import { HOST, type ToPage, type ToWindow } from "./messages.js";
import type { Chosen } from "./options.js";

/** A window that has said nothing by then will not: the server does not allow this page to show it, or is away. */
const PATIENCE_MS = 30_000;
/** The same once something was loaded, which may be the browser's own page about what went wrong. */
const LOADED_PATIENCE_MS = 3_000;

export interface WidgetEvents {
  unread: number;
  open: undefined;
  close: undefined;
}
type Listener<Name extends keyof WidgetEvents> = (payload: WidgetEvents[Name]) => void;

export class Widget {
  readonly #options: Chosen;
  readonly #surface: Surface;
  readonly #listeners = new Map<keyof WidgetEvents, Set<Listener<never>>>();
  #isOpen = false;
  #isReady = false;
  #patience: ReturnType<typeof setTimeout> | undefined;

  constructor(options: Chosen) {
    this.#options = options;
    const { server, title = words.title, position, theme } = options;
    const address = `${server}/embed.html#${new URLSearchParams({ [HOST]: location.origin })}`;
    this.#surface = new Surface({ address, title, position, theme });
    this.#surface.ontoggle = () => (this.#isOpen ? this.close() : this.open());
    this.#surface.onescape = () => this.close();
    this.#surface.onnear = () => this.#say({ type: "soon" });
    addEventListener("message", this.#heard);
    this.#wait(PATIENCE_MS);
    this.#surface.onload = () => !this.#isReady && this.#wait(LOADED_PATIENCE_MS);
    this.#surface.show();
    if (options.isOpen) this.#turn(true);
  }

  /** Opens the window, and gives it the focus. */
  open(): void {
    this.#turn(true);
    this.#surface.focusWindow();
  }

  /** Closes the window; the focus returns to the button. */
  close(): void {
    const hadFocus = this.#surface.hasFocus;
    this.#turn(false);
    if (hadFocus) this.#surface.focusButton();
  }

  /** Takes everything out of the page. */
  destroy(): void {
    clearTimeout(this.#patience);
    removeEventListener("message", this.#heard);
    this.#listeners.clear();
    this.#surface.remove();
  }

  /** Listens until the function that comes back is called. */
  on<Name extends keyof WidgetEvents>(name: Name, listener: Listener<Name>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  #turn(isOpen: boolean): void {
    if (isOpen === this.#isOpen) return;
    this.#isOpen = isOpen;
    this.#surface.turn(isOpen);
    this.#say({ type: "shown", isOpen });
    this.#emit(isOpen ? "open" : "close", undefined);
  }

  #emit<Name extends keyof WidgetEvents>(name: Name, payload: WidgetEvents[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) (listener as Listener<Name>)(payload);
  }

  #say(message: ToWindow): void {
    if (this.#isReady) this.#surface.window?.postMessage(message, this.#options.server);
  }

  readonly #heard = (event: MessageEvent): void => {
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
    clearTimeout(this.#patience);
    this.#isReady = true;
    const { to, title, theme } = this.#options;
    this.#say({ type: "start", to, title, theme });
    this.#say({ type: "shown", isOpen: this.#isOpen });
  }

  async #answer(id: number): Promise<void> {
    try {
      const token = await this.#options.getToken();
      if (typeof token !== "string" || token === "") throw new TypeError(words.noToken);
      this.#say({ type: "token", id, token });
    } catch (error) {
      console.error(error);
      this.#say({ type: "token", id, reason: error instanceof Error ? error.message : String(error) });
    }
  }

  #wait(ms: number): void {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.#failed(), ms);
  }

  #failed(): void {
    console.error(words.refused(this.#options.server, location.origin));
    this.#surface.failed();
  }
}
