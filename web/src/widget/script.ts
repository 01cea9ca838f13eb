/**
 * widget.js: adds a chat window to the page that loads it, as the script's attributes say, and gives the page
 * `ChatServer.widget` to do the same by a call. The chat itself runs in a frame of the chat server's origin, so page
 * and chat can't access each other's content.
 */

import { attributesOf, resolveOptions, type WidgetOptions } from "./options.js";
import { Widget } from "./widget.js";

const script = document.currentScript instanceof HTMLScriptElement ? document.currentScript : undefined;
const home = script?.src ? new URL(script.src).origin : undefined;

function widget(options: WidgetOptions): Widget {
  return new Widget(resolveOptions(options, home));
}

const global = window as { ChatServer?: { widget: typeof widget } };
global.ChatServer = { widget };

const attributes = script && attributesOf(script);
if (attributes !== undefined) {
  // Tools that copy the page's elements, such as session recorders, must not get the token.
  script?.removeAttribute("data-token");
  const start = (): void => void widget(attributes);
  if (document.body === null) addEventListener("DOMContentLoaded", start, { once: true });
  else start();
}
