/**
 * The widget's elements in the embedding page. They are in a shadow root, out of reach of the page's styles, and use a
 * constructed style sheet, which even the strictest policy of the page allows.
 */

import { widget as words } from "../strings/widget.js";
import type { Theme } from "./messages.js";
import css from "./surface.css?inline";

interface SurfaceOptions {
  address: string;
  title: string;
  position: "left" | "right";
  theme: Theme;
}

/** Icon paths: a speech bubble and a cross. */
const SHAPES = {
  chat: "M21 11.5a8.4 8.4 0 0 1-8.5 8.3 8.7 8.7 0 0 1-3.8-.9L3 21l2-5.4a8 8 0 0 1-1-4.1 8.4 8.4 0 0 1 8.5-8.3 8.4 8.4 0 0 1 8.5 8.3Z",
  cross: "M18 6 6 18M6 6l12 12",
};
const SVG = "http://www.w3.org/2000/svg";

export class Surface {
  ontoggle = (): void => undefined;
  onescape = (): void => undefined;
  /** The user is about to use the button. */
  onnear = (): void => undefined;
  /** The frame has loaded a page. */
  onload = (): unknown => undefined;
  readonly #host = document.createElement("chatserver-widget");
  readonly #root = this.#host.attachShadow({ mode: "open" });
  readonly #button = document.createElement("button");
  readonly #icon = document.createElementNS(SVG, "path");
  readonly #badge = document.createElement("span");
  readonly #panel = document.createElement("div");
  readonly #status = document.createElement("p");
  readonly #frame = document.createElement("iframe");
  #unread = 0;
  #isOpen = false;

  constructor({ address, title, position, theme }: SurfaceOptions) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    this.#root.adoptedStyleSheets = [sheet];
    Object.assign(this.#host.dataset, { position, theme });
    this.#build(title);
    this.#frame.title = title;
    this.#frame.allow = "clipboard-write";
    this.#frame.addEventListener("load", () => this.onload());
    this.#frame.src = address;
    this.#root.addEventListener("keydown", (event) => {
      if ((event as KeyboardEvent).key === "Escape" && this.#isOpen) this.onescape();
    });
    this.#name();
  }

  #build(title: string): void {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    svg.append(this.#icon);
    this.#badge.className = "badge";
    this.#badge.setAttribute("aria-hidden", "true");
    this.#button.type = "button";
    this.#button.setAttribute("aria-haspopup", "dialog");
    this.#button.setAttribute("aria-controls", "panel");
    this.#button.append(svg, this.#badge);
    this.#button.addEventListener("click", () => this.ontoggle());
    for (const name of ["pointerenter", "focus"]) this.#button.addEventListener(name, () => this.onnear());
    this.#panel.id = "panel";
    this.#panel.setAttribute("role", "dialog");
    this.#panel.setAttribute("aria-label", title);
    this.#panel.hidden = true;
    this.#status.setAttribute("role", "status");
    this.#status.textContent = words.loading;
    this.#panel.append(this.#status, this.#frame);
    this.#root.append(this.#panel, this.#button);
  }

  /** The frame's window, once the frame is in the page. */
  get window(): Window | null {
    return this.#frame.contentWindow;
  }

  /** Whether the focus is in the widget, including its window. */
  get hasFocus(): boolean {
    return this.#root.activeElement !== null;
  }

  show(): void {
    document.body.append(this.#host);
  }

  remove(): void {
    this.#host.remove();
  }

  turn(isOpen: boolean): void {
    this.#isOpen = isOpen;
    this.#panel.hidden = !isOpen;
    this.#name();
  }

  /** Uncovers the frame once the window shows something; until then a status text covers it. */
  drawn(): void {
    this.#status.remove();
    this.#panel.classList.add("ready");
  }

  failed(): void {
    this.#status.textContent = words.failed;
  }

  count(unread: number): void {
    this.#unread = unread;
    this.#name();
  }

  focusWindow(): void {
    this.#frame.focus();
  }

  focusButton(): void {
    this.#button.focus();
  }

  #name(): void {
    const unread = this.#isOpen ? 0 : this.#unread;
    this.#icon.setAttribute("d", this.#isOpen ? SHAPES.cross : SHAPES.chat);
    this.#badge.textContent = unread === 0 ? "" : words.badge(unread);
    this.#button.setAttribute("aria-expanded", String(this.#isOpen));
    this.#button.setAttribute(
      "aria-label",
      this.#isOpen ? words.close : unread === 0 ? words.open : words.openWith(unread),
    );
  }
}
