/**
 * The widget's window: one conversation in a frame of another site's page. Until it is first opened it only counts
 * unread messages; the code that displays the conversation is loaded then. Stores nothing in the browser.
 */

import { ChatClient } from "chatserver-client";
import { SERVER } from "../../session/server_url.js";
import { notEmbedded } from "../../strings/window.js";
import type { ToWindow } from "../messages.js";
import { Host, hostOrigin } from "./host.js";
import { renewing } from "./renewing.js";
import { conversationOf } from "./target.js";
import { showTheme } from "./theme.js";

type Start = Extract<ToWindow, { type: "start" }>;

function begin(origin: string): void {
  const host = new Host(origin, received);
  const fetch = renewing((refused) => host.renewToken(refused));
  const client = new ChatClient({ url: SERVER, getToken: () => host.token(), fetch });
  // The token may be the reason why the connection ended.
  client.on("status", ({ status }) => status === "waiting" && host.forget());
  let start: Start | undefined;
  let show: Promise<(isOpen: boolean) => void> | undefined;

  function received(message: ToWindow): void {
    if (message.type === "start") started(message);
    else if (message.type === "soon") load();
    else if (message.type === "shown" && (message.isOpen || show !== undefined)) {
      load()?.then(
        (show) => show(message.isOpen),
        () => host.post({ type: "failed" }),
      );
    }
  }

  function started(message: Start): void {
    start = message;
    showTheme(message.theme);
    count(client, message, (count) => host.post({ type: "unread", count }));
    // The status of the connection says why it was refused.
    client.connect().catch(() => undefined);
  }

  function load(): typeof show {
    if (start === undefined) return undefined;
    const { to, title } = start;
    show ??= import("./show.svelte.js").then(({ show }) => show({ host, client, to, title }));
    // The next attempt may succeed.
    show.catch(() => (show = undefined));
    return show;
  }
}

/** Reports the number of unread messages whenever it changes. */
function count(client: ChatClient, { to }: Start, report: (count: number) => void): void {
  const { state } = client;
  let reported = 0;
  const update = (): void => {
    const id = conversationOf(to, state.conversations());
    const unread = (id !== undefined && state.conversation(id)?.unread) || 0;
    if (unread !== reported) report((reported = unread));
  };
  for (const name of ["conversation", "message", "receipt", "live"] as const) client.on(name, update);
}

const origin = hostOrigin();
if (origin === undefined) document.getElementById("app")!.textContent = notEmbedded;
else begin(origin);
