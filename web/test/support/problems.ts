/** Problems that fail any test in whose pages they occur. */

import type { BrowserContext, Page } from "playwright-core";

/** Function that an injected script calls to prove that it ran. */
export const CANARY = "injected";
const VIOLATED = "violatedPolicy";

/** Errors that browsers report by themselves when a server is gone. */
export const OUTAGE_ERRORS = [
  /WebSocket connection to .* failed/,
  /net::ERR_(CONNECTION|EMPTY_RESPONSE|INTERNET)/,
  /An unknown error occurred when fetching the script/,
];

export class Problems {
  readonly #found: string[] = [];
  readonly #expected: RegExp[] = [];

  /** Watches all pages of a context. They may send requests only to these origins. */
  async watch(context: BrowserContext, origins: string[]): Promise<void> {
    await context.exposeFunction(CANARY, (what: unknown) => this.#found.push(`injected script ran: ${String(what)}`));
    await context.exposeFunction(VIOLATED, (what: string) => this.#found.push(`policy violated: ${what}`));
    await context.addInitScript((report) => {
      addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile, sample }) => {
        const tell = (window as unknown as Record<string, (what: string) => void>)[report]!;
        tell(`${violatedDirective} ${blockedURI} ${sourceFile} ${sample}`);
      });
    }, VIOLATED);
    await context.route(
      (url) => url.protocol.startsWith("http") && !origins.includes(url.origin),
      (route) => {
        this.#found.push(`asked another host: ${route.request().url()}`);
        return route.abort();
      },
    );
    context.on("page", (page) => this.#listen(page));
  }

  #listen(page: Page): void {
    page.on("pageerror", (error) => this.#found.push(`page error: ${error.stack ?? error.message}`));
    page.on("crash", () => this.#found.push("the page crashed"));
    page.on("dialog", (dialog) => {
      this.#found.push(`injected script ran: ${dialog.type()} ${dialog.message()}`);
      // Accepts questions about leaving the page, too: nobody is there to answer them.
      dialog.accept().catch(() => undefined);
    });
    page.on("console", (message) => {
      if (message.type() !== "error" && message.type() !== "warning") return;
      this.#found.push(`console ${message.type()}: ${message.text()} (${message.location().url})`);
    });
  }

  /** Allows problems that the test is about. */
  expect(...patterns: RegExp[]): void {
    this.#expected.push(...patterns);
  }

  get all(): string[] {
    return this.#found.filter((found) => !this.#expected.some((pattern) => pattern.test(found)));
  }
}
