/** Users over REST, for what must exist before a test begins. */

import { login, Rest } from "chatserver-client";
import type { Server } from "./server.js";

/** Ids of the demo users, who exist from the start. */
export const TOM = 1;
export const JERRY = 2;
export const PASSWORD = "password123";

export interface Person {
  id: number;
  username: string;
  token: string;
  rest: Rest;
}

/** Logs in an existing user. */
export async function personOf(server: Server, username: string): Promise<Person> {
  const { token } = await login(server.url, { username, password: PASSWORD });
  const rest = new Rest({ url: server.url, token: () => token });
  const { user_id } = await rest.get("/v1/test-auth");
  return { id: user_id, username, token, rest };
}

let made = 0;

/** Registers a new user. */
export async function newPerson(server: Server, username: string): Promise<Person> {
  const email = `${(made += 1)}@example.com`;
  await new Rest({ url: server.url }).post("/v1/users/register", { body: { username, email, password: PASSWORD } });
  return personOf(server, username);
}
