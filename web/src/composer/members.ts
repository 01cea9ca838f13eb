/** Who can be mentioned where one writes: a group's members, asked for when somebody is first to be named. */

import type { Conversation, Rest } from "chatserver-client";
import type { Member } from "./naming.js";

/** A message does not wait longer to learn whom it names. */
const PATIENCE_MS = 2000;

export class Members {
  #of = "";
  #asked: Promise<readonly Member[]> = Promise.resolve([]);

  constructor(readonly rest: Rest) {}

  /** Nobody, in a conversation of two or where the server can't be reached. */
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

  /** The same, or nobody, if it takes long. */
  soon(conversation: Conversation | undefined): Promise<readonly Member[]> {
    const late = new Promise<readonly Member[]>((resolve) => setTimeout(() => resolve([]), PATIENCE_MS));
    return Promise.race([this.in(conversation), late]);
  }
}
