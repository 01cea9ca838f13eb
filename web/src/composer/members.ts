/** The members of a group who can be mentioned, loaded when the user first types a mention. */

import type { Conversation, Rest } from "chatserver-client";
import type { Member } from "./naming.js";

/** Longest time that sending waits for the members, in milliseconds. */
const TIMEOUT_MS = 2000;

export class Members {
  #of = "";
  #asked: Promise<readonly Member[]> = Promise.resolve([]);

  constructor(readonly rest: Rest) {}

  /** Returns the members; none for direct conversations, or if the server can't be reached. */
  in(conversation: Conversation | undefined): Promise<readonly Member[]> {
    const id = conversation?.group_id;
    if (conversation === undefined || typeof id !== "number") return Promise.resolve([]);
    const key = `${id} ${conversation.n_members}`;
    if (key === this.#of) return this.#asked;
    this.#of = key;
    this.#asked = this.rest.get("/v1/groups/{id}/members", { path: { id } }).catch(() => {
      this.#of = "";
      return [];
    });
    return this.#asked;
  }

  /** Returns the members, or none if loading takes too long. */
  soon(conversation: Conversation | undefined): Promise<readonly Member[]> {
    const late = new Promise<readonly Member[]>((resolve) => setTimeout(() => resolve([]), TIMEOUT_MS));
    return Promise.race([this.in(conversation), late]);
  }
}
