/** The page that the window stands in: what is said to it and heard of it, and the user's token, which it alone has. */

import { HOST, type ToPage, type ToWindow } from "../messages.js";

/** A page that takes longer to come by a token is not going to. */
const PATIENCE_MS = 30_000;

interface Asked {
  resolve: (token: string) => void;
  reject: (error: Error) => void;
}

/** The origin of the page, as its script says. Browsers let no page show this window but those that the server allows. */
export function hostOrigin(): string | undefined {
  if (window.parent === window) return undefined;
  return new URLSearchParams(location.hash.slice(1)).get(HOST) ?? undefined;
}

export class Host {
  readonly #origin: string;
  readonly #asked = new Map<number, Asked>();
  #n = 0;
  #token: Promise<string> | undefined;

  constructor(origin: string, heard: (message: ToWindow) => void) {
    this.#origin = origin;
    addEventListener("message", (event: MessageEvent) => {
      if (event.source !== window.parent || event.origin !== origin) return;
      const message = event.data as ToWindow;
      if (message.type === "token") this.#answered(message);
      else heard(message);
    });
    this.say({ type: "ready" });
  }

  say(message: ToPage): void {
    window.parent.postMessage(message, this.#origin);
  }

  /** The token, asked for when there is none yet. */
  token(): Promise<string> {
    if (this.#token === undefined) {
      const asked = this.#ask();
      this.#token = asked;
      asked.catch(() => this.#drop(asked));
    }
    return this.#token;
  }

  /** Asks anew, since the server has refused this one. Where it has been replaced already, that is the answer. */
  async another(refused: string): Promise<string> {
    const present = this.#token;
    if ((await present?.catch(() => refused)) === refused) this.#drop(present);
    return this.token();
  }

  /** Whatever it is, it is to be asked for again. */
  forget(): void {
    this.#token = undefined;
  }

  #drop(token: Promise<string> | undefined): void {
    // Another request may have asked already.
    if (this.#token === token) this.#token = undefined;
  }

  #ask(): Promise<string> {
    const id = (this.#n += 1);
    return new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => this.#answered({ type: "token", id }), PATIENCE_MS);
      const once = (): void => {
        clearTimeout(timer);
        this.#asked.delete(id);
      };
      this.#asked.set(id, {
        resolve: (token) => (once(), resolve(token)),
        reject: (error) => (once(), reject(error)),
      });
      this.say({ type: "ask", id });
    });
  }

  #answered({ id, token, reason }: Extract<ToWindow, { type: "token" }>): void {
    const asked = this.#asked.get(id);
    if (token !== undefined) asked?.resolve(token);
    else asked?.reject(new Error(reason ?? "The page gave no token"));
  }
}
