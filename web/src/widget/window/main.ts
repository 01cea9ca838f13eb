/**
 * The widget's window: one conversation in a frame of somebody else's page. Until it is first opened it only counts what is
 * unread; what shows the conversation is loaded then. Keeps nothing in the browser.
 */

import { ChatClient } from "chatserver-client";
import { SERVER } from "../../session/here.js";
import { notEmbedded } from "../../strings/window.js";
import type { ToWindow } from "../messages.js";
import { Host, hostOrigin } from "./host.js";
import { renewing } from "./renewing.js";
import { conversationOf } from "./target.js";
import { showTheme } from "./theme.js";

type Start = Extract<ToWindow, { type: "start" }>;

function begin(origin: string): void {
  const host = new Host(origin, heard);
  const fetch = renewing((refused) => host.another(refused));
  const client = new ChatClient({ url: SERVER, getToken: () => host.token(), fetch });
  // What ended the connection may have been the token.
  client.on("status", ({ status }) => status === "waiting" && host.forget());
  let start: Start | undefined;
  let show: Promise<(isOpen: boolean) => void> | undefined;

  function heard(message: ToWindow): void {
    if (message.type === "start") started(message);
    else if (message.type === "soon") load();
    else if (message.type === "shown" && (message.isOpen || show !== undefined)) {
      load()?.then(
        (show) => show(message.isOpen),
        () => host.say({ type: "failed" }),
      );
    }
  }

  function started(message: Start): void {
    start = message;
    showTheme(message.theme);
    count(client, message, (count) => host.say({ type: "unread", count }));
    // Why it was refused stands in the connection's status.
    client.connect().catch(() => undefined);
  }

  function load(): typeof show {
    if (start === undefined) return undefined;
    const { to, title } = start;
    show ??= import("./show.svelte.js").then(({ show }) => show({ host, client, to, title }));
    // The next time may go well.
    show.catch(() => (show = undefined));
    return show;
  }
}

/** Tells how much is unread, whenever it is another number. */
function count(client: ChatClient, { to }: Start, tell: (count: number) => void): void {
  const { state } = client;
  let told = 0;
  const look = (): void => {
    const id = conversationOf(to, state.conversations());
    const unread = (id !== undefined && state.conversation(id)?.unread) || 0;
    if (unread !== told) tell((told = unread));
  };
  for (const name of ["conversation", "message", "receipt", "live"] as const) client.on(name, look);
}

const origin = hostOrigin();
if (origin === undefined) document.getElementById("app")!.textContent = notEmbedded;
else begin(origin);
