/** Information that the server gives its own client, and access to the demo accounts. */

import { login, Rest } from "chatserver-client";
import { SERVER } from "./server_url.js";

/** Password of the demo users, as created by the server on its first start. */
const DEMO_PASSWORD = "password123";

export interface ServerInfo {
  version: string;
  /** Names of users that can be tried without an account. */
  demo_users: string[];
}

export async function serverInfo(): Promise<ServerInfo> {
  const { data } = await new Rest({ url: SERVER }).request("GET", "/client.json");
  return data as ServerInfo;
}

export async function demoToken(username: string): Promise<string> {
  return (await login(SERVER, { username, password: DEMO_PASSWORD })).token;
}
