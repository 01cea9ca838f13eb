/** From a name and a password to a token. */

import { Rest, type FetchLike } from "./rest.js";
import type { Answer } from "./rest-shape.js";

export type Account = { password: string } & ({ username: string } | { email: string });

/** Logs in. The answer's `token` is what a client needs. */
export function login(url: string, account: Account, fetch?: FetchLike): Promise<Answer<"post", "/v1/users/login">> {
  return new Rest({ url, fetch }).post("/v1/users/login", { body: account });
}
