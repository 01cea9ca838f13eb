/** The users of the server by id. Each is loaded once, when its name is first needed. */

import { ChatError, type Answer, type Rest } from "chatserver-client";
import { Ticks } from "./ticks.svelte.js";

export type User = Answer<"get", "/v1/users/{id}">;

export class People {
  readonly #known = new Map<number, User>();
  readonly #ticks = new Ticks<number>();
  readonly #asked = new Set<number>();
  /** Ids for which the request failed. */
  readonly #failed = new Set<number>();
  /** Ids of users that don't exist. */
  readonly #missing = new Set<number>();

  constructor(readonly rest: Rest) {}

  /** Returns a user; `undefined` until loaded. */
  user(id: number): User | undefined {
    this.#ask(id);
    return this.known(id);
  }

  /** Returns a user if already loaded; sends no request. */
  known(id: number): User | undefined {
    this.#ticks.follow(id);
    return this.#known.get(id);
  }

  /** Whether the server has answered that there is no such user. */
  isMissing(id: number): boolean {
    this.#ask(id);
    this.#ticks.follow(id);
    return this.#missing.has(id);
  }

  /** Returns the user's name, or a placeholder until it is loaded. */
  name(id: number): string {
    return this.user(id)?.username ?? `#${id}`;
  }

  /** Returns the user's name, and loads it if necessary. */
  async nameOf(id: number): Promise<string> {
    const known =
      this.#known.get(id) ?? (await this.rest.get("/v1/users/{id}", { path: { id } }).catch(() => undefined));
    if (known !== undefined) this.learn([known]);
    return this.name(id);
  }

  /** Returns users whose names begin with a prefix. */
  async search(prefix: string, limit = 20): Promise<User[]> {
    const query = prefix === "" ? { limit } : { q: prefix, limit };
    return this.learn(await this.rest.get("/v1/users", { query }));
  }

  /** Takes users from another response. */
  learn(users: User[]): User[] {
    for (const user of users) {
      this.#known.set(user.id, user);
      this.#ticks.touch(user.id);
    }
    return users;
  }

  /** Repeats the failed requests after a reconnect. */
  retry(): void {
    const failed = [...this.#failed];
    this.#failed.clear();
    for (const id of failed) {
      this.#asked.delete(id);
      this.#ask(id);
    }
  }

  #markMissing(id: number): void {
    this.#missing.add(id);
    this.#ticks.touch(id);
  }

  #ask(id: number): void {
    if (id <= 0 || this.#asked.has(id)) return;
    this.#asked.add(id);
    const onError = (error: unknown): void => {
      if (error instanceof ChatError && error.status === 404) return this.#markMissing(id);
      this.#failed.add(id);
      setTimeout(() => this.#asked.delete(id), 5_000);
    };
    this.rest.get("/v1/users/{id}", { path: { id } }).then((user) => this.learn([user]), onError);
  }
}
