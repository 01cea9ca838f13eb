/** The users of the server, by id: asked for once, when somebody's name is first wanted. */

import { ChatError, type Answer, type Rest } from "chatserver-client";
import { Ticks } from "./ticks.svelte.js";

export type User = Answer<"get", "/v1/users/{id}">;

export class People {
  readonly #known = new Map<number, User>();
  readonly #ticks = new Ticks<number>();
  readonly #asked = new Set<number>();
  /** Whom the server did not answer for. */
  readonly #missed = new Set<number>();
  /** Whom there is not. */
  readonly #missing = new Set<number>();

  constructor(readonly rest: Rest) {}

  /** The user, as soon as the server has answered. */
  user(id: number): User | undefined {
    this.#ask(id);
    return this.known(id);
  }

  /** The user, if the server has answered already; does not ask. */
  known(id: number): User | undefined {
    this.#ticks.follow(id);
    return this.#known.get(id);
  }

  /** Whether the server has said that there is no such user. */
  isMissing(id: number): boolean {
    this.#ask(id);
    this.#ticks.follow(id);
    return this.#missing.has(id);
  }

  /** The user's name, or a stand-in until it is known. */
  name(id: number): string {
    return this.user(id)?.username ?? `#${id}`;
  }

  /** The user's name, asked for if it is not known. */
  async nameOf(id: number): Promise<string> {
    const known =
      this.#known.get(id) ?? (await this.rest.get("/v1/users/{id}", { path: { id } }).catch(() => undefined));
    if (known !== undefined) this.learn([known]);
    return this.name(id);
  }

  /** Users whose names begin so. */
  async search(prefix: string, limit = 20): Promise<User[]> {
    const query = prefix === "" ? { limit } : { q: prefix, limit };
    return this.learn(await this.rest.get("/v1/users", { query }));
  }

  /** Takes what another answer told of users. */
  learn(users: User[]): User[] {
    for (const user of users) {
      this.#known.set(user.id, user);
      this.#ticks.touch(user.id);
    }
    return users;
  }

  /** Asks again for those whom nobody answered for: the connection is back. */
  again(): void {
    const missed = [...this.#missed];
    this.#missed.clear();
    for (const id of missed) {
      this.#asked.delete(id);
      this.#ask(id);
    }
  }

  #lacks(id: number): void {
    this.#missing.add(id);
    this.#ticks.touch(id);
  }

  #ask(id: number): void {
    if (id <= 0 || this.#asked.has(id)) return;
    this.#asked.add(id);
    const failed = (error: unknown): void => {
      if (error instanceof ChatError && error.status === 404) return this.#lacks(id);
      this.#missed.add(id);
      setTimeout(() => this.#asked.delete(id), 5_000);
    };
    this.rest.get("/v1/users/{id}", { path: { id } }).then((user) => this.learn([user]), failed);
  }
}
