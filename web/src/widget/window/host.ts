/** The embedding page: messages to and from it, and the user's token, which only the page has. */

import { HOST, type ToPage, type ToWindow } from "../messages.js";

/** Longest wait for the page to return a token. */
const TIMEOUT_MS = 30_000;

interface Pending {
  resolve: (token: string) => void;
  reject: (error: Error) => void;
}

/** Returns the page's origin, as its script says. Browsers show this window only in pages that the server allows. */
export function hostOrigin(): string | undefined {
  if (window.parent === window) return undefined;
  return new URLSearchParams(location.hash.slice(1)).get(HOST) ?? undefined;
}

export class Host {
  readonly #origin: string;
  readonly #pending = new Map<number, Pending>();
  #n = 0;
  #token: Promise<string> | undefined;

  constructor(origin: string, onMessage: (message: ToWindow) => void) {
    this.#origin = origin;
    addEventListener("message", (event: MessageEvent) => {
      if (event.source !== window.parent || event.origin !== origin) return;
      const message = event.data as ToWindow;
      if (message.type === "token") this.#answered(message);
      else onMessage(message);
    });
    this.post({ type: "ready" });
  }

  post(message: ToPage): void {
    window.parent.postMessage(message, this.#origin);
  }

  /** Returns the token. The first call requests it. */
  token(): Promise<string> {
    if (this.#token === undefined) {
      const asked = this.#ask();
      this.#token = asked;
      asked.catch(() => this.#drop(asked));
    }
    return this.#token;
  }

  /** Returns another token after the server has refused one. If it was replaced already, returns the replacement. */
  async renewToken(refused: string): Promise<string> {
    const present = this.#token;
    if ((await present?.catch(() => refused)) === refused) this.#drop(present);
    return this.token();
  }

  /** Drops the token, so that the next use requests one. */
  forget(): void {
    this.#token = undefined;
  }

  #drop(token: Promise<string> | undefined): void {
    // Another request may have replaced it already.
    if (this.#token === token) this.#token = undefined;
  }

  #ask(): Promise<string> {
    const id = (this.#n += 1);
    return new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => this.#answered({ type: "token", id }), TIMEOUT_MS);
      const once = (): void => {
        clearTimeout(timer);
        this.#pending.delete(id);
      };
      this.#pending.set(id, {
        resolve: (token) => (once(), resolve(token)),
        reject: (error) => (once(), reject(error)),
      });
      this.post({ type: "ask", id });
    });
  }

  #answered({ id, token, reason }: Extract<ToWindow, { type: "token" }>): void {
    const asked = this.#pending.get(id);
    if (token !== undefined) asked?.resolve(token);
    else asked?.reject(new Error(reason ?? "The page gave no token"));
  }
}
