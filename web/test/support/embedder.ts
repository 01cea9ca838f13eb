/** Another application on its own origin, whose pages embed the widget under the strictest policy that allows it. */

import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";

interface Answer {
  type: string;
  body: string;
  isPlain?: boolean;
}

export class Embedder {
  readonly #http: HttpServer;
  readonly #answers = new Map<string, Answer>();
  /** Origin whose script and frame its pages may load. */
  chat = "";

  private constructor() {
    this.#http = createServer((request, response) => {
      const answer = this.#answers.get(request.url ?? "/");
      if (answer === undefined) return void response.writeHead(404).end();
      const policy = [
        "default-src 'none'",
        `script-src 'self' ${this.chat}`,
        `frame-src ${this.chat}`,
        `connect-src 'self' ${this.chat}`,
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
      ];
      const guard = answer.isPlain ? {} : { "content-security-policy": policy.join("; ") };
      const headers = { "content-type": answer.type, ...guard };
      response.writeHead(200, headers).end(answer.body);
    });
  }

  static async start(): Promise<Embedder> {
    const embedder = new Embedder();
    await new Promise<void>((resolve) => embedder.#http.listen(0, "127.0.0.1", resolve));
    // The end of the tests does not wait for it.
    embedder.#http.unref();
    return embedder;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  /** Adds a page that loads the widget with these attributes, and then a script of its own. */
  page(path: string, attributes: string, script = ""): void {
    const body = `<!doctype html><html lang="en"><head><title>Shop</title></head>
      <body><main><h1>Shop</h1><p><a href="#more">More</a></p></main>
      <script src="${this.chat}/widget.js" ${attributes}></script><script src="${path}.js"></script></body></html>`;
    this.#answers.set(path, { type: "text/html; charset=utf-8", body });
    this.#answers.set(`${path}.js`, { type: "text/javascript", body: script });
  }

  /** Adds a page without a policy. */
  plainPage(path: string, body: string): void {
    this.#answers.set(path, { type: "text/html; charset=utf-8", body, isPlain: true });
  }

  /** Adds a response that its pages request, such as a token. */
  answer(path: string, body: string): void {
    this.#answers.set(path, { type: "text/plain", body });
  }
}
