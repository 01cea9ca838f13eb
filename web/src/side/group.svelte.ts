/** A group's members as the details show them, and what may be done with them. */

import type { Answer, Conversation } from "chatserver-client";
import type { Session } from "../session/session.svelte.js";

export type Member = Answer<"get", "/v1/groups/{id}/members">[number];

const RANKS = ["owner", "admin", "member"];
/** Several changes that come together are one. */
const PAUSE_MS = 200;

/** By role, then by name. */
export function ranked(members: readonly Member[]): Member[] {
  const rank = ({ role }: Member): number => RANKS.indexOf(role);
  return members.toSorted((a, b) => rank(a) - rank(b) || a.username.localeCompare(b.username));
}

export class Group {
  members = $state.raw<readonly Member[]>();
  hasFailed = $state(false);
  readonly #session: Session;
  readonly #conversation: number;
  readonly #id: number;

  constructor(session: Session, { id, group_id }: Conversation) {
    this.#session = session;
    this.#conversation = id;
    this.#id = group_id ?? 0;
  }

  /** Loads the members, and again when something about them changes, until the function that comes back is called. */
  follow(): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const leave = this.#session.client.on("conversation", ({ id }) => {
      if (id !== this.#conversation) return;
      clearTimeout(timer);
      timer = setTimeout(() => void this.load(), PAUSE_MS);
    });
    void this.load();
    return () => {
      clearTimeout(timer);
      leave();
    };
  }

  async load(): Promise<void> {
    try {
      this.members = ranked(await this.#session.client.rest.get("/v1/groups/{id}/members", { path: { id: this.#id } }));
      this.hasFailed = false;
    } catch {
      this.hasFailed = true;
    }
  }

  async rename(name: string): Promise<boolean> {
    const work = this.#session.client.rest.patch("/v1/groups/{id}", { path: { id: this.#id }, body: { name } });
    return (await this.#session.notices.try(work)) !== undefined;
  }

  changeRole(userId: number, role: string): Promise<void> {
    const path = { id: this.#id, userId };
    return this.#change(this.#session.client.rest.patch("/v1/groups/{id}/members/{userId}", { path, body: { role } }));
  }

  async leave(): Promise<void> {
    const path = { id: this.#id, userId: this.#session.chat.me };
    await this.#session.notices.try(this.#session.client.rest.delete("/v1/groups/{id}/members/{userId}", { path }));
  }

  remove(userId: number): Promise<void> {
    const path = { id: this.#id, userId };
    return this.#change(this.#session.client.rest.delete("/v1/groups/{id}/members/{userId}", { path }));
  }

  async #change(work: Promise<unknown>): Promise<void> {
    await this.#session.notices.try(work);
    await this.load();
  }
}
