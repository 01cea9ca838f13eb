/** Exchanges a name and a password for a token. */

import { Rest, type FetchLike } from "./rest.js";
import type { Answer } from "./rest-shape.js";

export type Account = { password: string } & ({ username: string } | { email: string });

/** Logs in. The answer's `token` is the one that a client needs. */
export function login(url: string, account: Account, fetch?: FetchLike): Promise<Answer<"post", "/v1/users/login">> {
  return new Rest({ url, fetch }).post("/v1/users/login", { body: account });
}
