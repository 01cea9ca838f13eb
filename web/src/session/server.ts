/** What the server says of itself to its own client, and the accounts that everybody may try. */

import { login, Rest } from "chatserver-client";
import { SERVER } from "./here.js";

/** Of the demo users; contract of the first run. */
const DEMO_PASSWORD = "password123";

export interface ServerInfo {
  version: string;
  /** Who can be tried without an account. */
  demo_users: string[];
}

export async function serverInfo(): Promise<ServerInfo> {
  const { data } = await new Rest({ url: SERVER }).request("GET", "/client.json");
  return data as ServerInfo;
}

export async function demoToken(username: string): Promise<string> {
  return (await login(SERVER, { username, password: DEMO_PASSWORD })).token;
}
