/** What must not happen in any page, whatever a test is about. A test fails at its end if it did. */

import type { BrowserContext, Page } from "playwright-core";

/** What a page's scripts may call to show that what somebody wrote has become a script. */
export const CANARY = "injected";
const VIOLATED = "violatedPolicy";

/** What the browser says by itself when a server is gone. */
export const BREAKS = [
  /WebSocket connection to .* failed/,
  /net::ERR_(CONNECTION|EMPTY_RESPONSE|INTERNET)/,
  /An unknown error occurred when fetching the script/,
];

export class Complaints {
  readonly #found: string[] = [];
  readonly #expected: RegExp[] = [];

  /** Watches all pages of a context, which are to ask nobody but these. */
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
      // A question whether to leave is answered so, too: nobody is there to read it.
      dialog.accept().catch(() => undefined);
    });
    page.on("console", (message) => {
      if (message.type() !== "error" && message.type() !== "warning") return;
      this.#found.push(`console ${message.type()}: ${message.text()} (${message.location().url})`);
    });
  }

  /** What is in order here, since the test is about it. */
  expect(...patterns: RegExp[]): void {
    this.#expected.push(...patterns);
  }

  get all(): string[] {
    return this.#found.filter((found) => !this.#expected.some((pattern) => pattern.test(found)));
  }
}
