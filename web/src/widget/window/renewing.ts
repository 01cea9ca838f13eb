/** A `fetch` that gets another token when the server refuses the present one, and then retries once. */

import type { ChatOptions } from "chatserver-client";

type Fetch = NonNullable<ChatOptions["fetch"]>;

const SCHEME = "Bearer ";

export function renewing(another: (refused: string) => Promise<string>): Fetch {
  return async (url, init) => {
    const answer = await fetch(url, init);
    const given = init.headers["authorization"];
    if (answer.status !== 401 || given === undefined) return answer;
    const refused = given.slice(SCHEME.length);
    const token = await another(refused).catch(() => refused);
    if (token === refused) return answer;
    return fetch(url, { ...init, headers: { ...init.headers, authorization: SCHEME + token } });
  };
}
