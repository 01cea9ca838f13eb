/** The members of a group, and the changes that the details offer. */

import type { Answer, Conversation } from "chatserver-client";
import type { Session } from "../session/session.svelte.js";
import { matchRank, normalizeQuery } from "../text/finding.js";

export type Member = Answer<"get", "/v1/groups/{id}/members">[number];

const MEMBER = "/v1/groups/{id}/members/{userId}";
const RANKS = ["owner", "admin", "member"];
/** Number of members above which the list has a filter field. */
export const MANY = 12;
/** Pause that combines changes which arrive together. */
const PAUSE_MS = 200;

/** Sorts by role, then by name. */
export function ranked(members: readonly Member[]): Member[] {
  const rank = ({ role }: Member): number => RANKS.indexOf(role);
  return members.toSorted(
    (a, b) => rank(a) - rank(b) || a.username.localeCompare(b.username, undefined, { numeric: true }),
  );
}

/** Returns the members with a word in their name that begins with `part`. */
export function named(members: readonly Member[], part: string): Member[] {
  const wanted = normalizeQuery(part.trim());
  return members.filter(({ username }) => matchRank(username, wanted) !== undefined);
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

  /** Loads the members, and reloads them after changes while the user is one. Returns a function that stops it. */
  follow(): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const remove = this.#session.client.on("conversation", ({ id, role }) => {
      if (id !== this.#conversation) return;
      clearTimeout(timer);
      if (role !== null) timer = setTimeout(() => void this.load(), PAUSE_MS);
    });
    void this.load();
    return () => {
      clearTimeout(timer);
      remove();
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
    const path = this.#path(userId);
    return this.#change(this.#session.client.rest.patch(MEMBER, { path, body: { role } }));
  }

  /** Leaves the group, after making another member the owner if one is given. Returns whether it succeeded. */
  async leave(newOwner?: number): Promise<boolean> {
    const { rest } = this.#session.client;
    const left = async (): Promise<boolean> => {
      if (newOwner !== undefined) await rest.patch(MEMBER, { path: this.#path(newOwner), body: { role: "owner" } });
      await rest.delete(MEMBER, { path: this.#path(this.#session.chat.me) });
      return true;
    };
    return (await this.#session.notices.try(left())) ?? false;
  }

  remove(userId: number): Promise<void> {
    return this.#change(this.#session.client.rest.delete(MEMBER, { path: this.#path(userId) }));
  }

  #path(userId: number): { id: number; userId: number } {
    return { id: this.#id, userId };
  }

  async #change(work: Promise<unknown>): Promise<void> {
    await this.#session.notices.try(work);
    await this.load();
  }
}
