/** Mounts the conversation in the window. Loaded when the window is first opened. */

import type { ChatClient } from "chatserver-client";
import { mount } from "svelte";
import "../../design/tokens.css";
import "../../design/base.css";
import { SERVER } from "../../session/server_url.js";
import { Session } from "../../session/session.svelte.js";
import type { To } from "../messages.js";
import Chat from "./Chat.svelte";
import type { Host } from "./host.js";

interface ShowOptions {
  host: Host;
  client: ChatClient;
  to: To;
  title: string | undefined;
}

/** Takes over the client that has been counting. Returns a function that opens and closes the window. */
export function show({ host, client, to, title }: ShowOptions): (isOpen: boolean) => void {
  const token = (): Promise<string> => host.token();
  const session = new Session({ url: SERVER, token, client, username: "", signOut: () => undefined });
  session.open();
  const props = $state({ host, session, to, title, isOpen: false });
  mount(Chat, { target: document.getElementById("app")!, props });
  host.post({ type: "drawn" });
  return (isOpen) => void (props.isOpen = isOpen);
}
