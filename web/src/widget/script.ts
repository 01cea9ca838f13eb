/**
 * widget.js: puts a chat window into the page that loads it, as the script's attributes say, and gives the page
 * `ChatServer.widget` to do the same by a call. The chat itself runs in a frame of the chat server's, where the page and the
 * chat cannot reach each other's insides.
 */

import { attributesOf, chosen, type WidgetOptions } from "./options.js";
import { Widget } from "./widget.js";

const script = document.currentScript instanceof HTMLScriptElement ? document.currentScript : undefined;
const home = script?.src ? new URL(script.src).origin : undefined;

function widget(options: WidgetOptions): Widget {
  return new Widget(chosen(options, home));
}

const global = window as { ChatServer?: { widget: typeof widget } };
global.ChatServer = { widget };

const attributes = script && attributesOf(script);
if (attributes !== undefined) {
  // What copies the page's elements, such as a recorder of sessions, is not to have it.
  script?.removeAttribute("data-token");
  const start = (): void => void widget(attributes);
  if (document.body === null) addEventListener("DOMContentLoaded", start, { once: true });
  else start();
}
