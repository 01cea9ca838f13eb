/** Typed REST: paths, parameters and answers come from the server's OpenAPI document (rest-types.ts is generated). */

import { ChatError } from "./error.js";
import { complete } from "./lean.js";
import type { Answer, Args, Input, PathsOf } from "./rest-shape.js";

/** The part of `fetch` that the client uses. */
export type FetchLike = (
  url: string,
  init: { method: string; headers: Record<string, string>; body?: string; signal: any },
) => Promise<{
  ok: boolean;
  status: number;
  headers: { get(name: string): string | null };
  text(): Promise<string>;
}>;

export interface RestOptions {
  url: string;
  token?: () => string | undefined | Promise<string | undefined>;
  fetch?: FetchLike | undefined;
  timeoutMs?: number;
}

interface Untyped {
  path?: object;
  query?: object;
  body?: unknown;
}

interface Page {
  data: unknown;
  /** Path of the next page, if there is one. */
  next: string | undefined;
}

const seconds = (header: string | null): number | undefined =>
  header !== null && /^\d+$/.test(header) ? Number(header) * 1000 : undefined;

/** Returns the target of `rel="next"` in a `Link` header. */
export function nextPage(link: string | null): string | undefined {
  return /<([^>]*)>\s*;\s*rel="?next"?/.exec(link ?? "")?.[1];
}

function fill(template: string, { path = {}, query = {} }: Untyped): string {
  const filled = template.replace(/\{([^}]+)\}/g, (_, name: string) =>
    encodeURIComponent(String(path[name as keyof typeof path])),
  );
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return search ? `${filled}?${search}` : filled;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns the given `fetch`, or the environment's own. */
function fetchOf(given: FetchLike | undefined): FetchLike {
  // Called as a plain function, because browsers refuse `fetch` as a method of another object.
  const found = given ?? (globalThis as { fetch?: FetchLike }).fetch;
  if (found === undefined) throw new TypeError("There is no fetch here: give one as an option");
  return (url, init) => found(url, init);
}

export class Rest {
  readonly #url: string;
  readonly #token: NonNullable<RestOptions["token"]>;
  readonly #fetch: FetchLike;

  readonly #timeoutMs: number;

  /** Uses the environment's `fetch` unless one is given. */
  constructor({ url, token, fetch, timeoutMs = 30_000 }: RestOptions) {
    this.#url = url.replace(/\/+$/, "");
    this.#token = token ?? (() => undefined);
    this.#fetch = fetchOf(fetch);
    this.#timeoutMs = timeoutMs;
  }

  get<P extends PathsOf<"get">>(path: P, ...[input]: Args<Input<"get", P>>): Promise<Answer<"get", P>> {
    return this.#typed("GET", path, input as Untyped | undefined);
  }

  post<P extends PathsOf<"post">>(path: P, ...[input]: Args<Input<"post", P>>): Promise<Answer<"post", P>> {
    return this.#typed("POST", path, input as Untyped | undefined);
  }

  put<P extends PathsOf<"put">>(path: P, ...[input]: Args<Input<"put", P>>): Promise<Answer<"put", P>> {
    return this.#typed("PUT", path, input as Untyped | undefined);
  }

  patch<P extends PathsOf<"patch">>(path: P, ...[input]: Args<Input<"patch", P>>): Promise<Answer<"patch", P>> {
    return this.#typed("PATCH", path, input as Untyped | undefined);
  }

  delete<P extends PathsOf<"delete">>(path: P, ...[input]: Args<Input<"delete", P>>): Promise<Answer<"delete", P>> {
    return this.#typed("DELETE", path, input as Untyped | undefined);
  }

  /** Yields the pages of a list until the server names no next one. */
  async *pages<P extends PathsOf<"get">>(
    path: P,
    ...[input]: Args<Input<"get", P>>
  ): AsyncGenerator<Answer<"get", P>, void> {
    let next: string | undefined = fill(path, (input ?? {}) as Untyped);
    while (next !== undefined) {
      const page: Page = await this.request("GET", next);
      yield page.data as Answer<"get", P>;
      next = page.next;
    }
  }

  async #typed<Data>(method: string, path: string, input: Untyped | undefined): Promise<Data> {
    const { data } = await this.request(method, fill(path, input ?? {}), input?.body);
    return data as Data;
  }

  /** Sends any request. `target` is a path of the server, or the target of a `Link` header. */
  async request(method: string, target: string, body?: unknown): Promise<Page> {
    const token = await this.#token();
    const headers: Record<string, string> = { accept: "application/json" };
    if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    // The token must reach its own server only, whatever host a link names.
    const path = target.replace(/^[a-z]+:\/\/[^/]*/i, "");
    const response = await this.#fetch(this.#url + path, {
      method,
      headers,
      signal: AbortSignal.timeout(this.#timeoutMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const data = parseJson(text);
    if (!response.ok) throw problem(response.status, data ?? plainTextProblem(text), response.headers.get("retry-after"));
    return { data: complete(data), next: nextPage(response.headers.get("link")) };
  }
}

/** Turns a refusal in plain text into a problem, such as the one that a TLS port sends to plain HTTP clients. */
function plainTextProblem(text: string): unknown {
  return /^[^<\n]{1,200}\n?$/.test(text) ? { error: text.trim() } : undefined;
}

function problem(status: number, body: unknown, retryAfter: string | null): ChatError {
  const { error, code, request_id } = (body ?? {}) as { error?: string; code?: string; request_id?: string };
  return new ChatError(error ?? `The server answered ${status}`, {
    code: code ?? `http_${status}`,
    temporary: status === 429 || status >= 500,
    retry_after_ms: seconds(retryAfter),
    status,
    ...(request_id === undefined ? {} : { request_id }),
  });
}
