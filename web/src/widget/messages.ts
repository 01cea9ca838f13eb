/**
 * The messages between the embedding page's script and the widget's window, sent by `postMessage`. Each side checks the
 * origin of a message before its content.
 */

/** The user, group or existing conversation to chat with. */
export type To = { user: number } | { group: number } | { conversation: number };

export type Theme = "system" | "light" | "dark";

/** From the page to the window. */
export type ToWindow =
  | { type: "start"; to: To; title: string | undefined; theme: Theme }
  /** Answers `ask`. Has either a token or a reason. */
  | { type: "token"; id: number; token?: string; reason?: string }
  /** The user may be about to open the window. */
  | { type: "soon" }
  | { type: "shown"; isOpen: boolean };

/** From the window to the page. */
export type ToPage =
  /** `ready`: the window listens. `drawn`: it has something to show. */
  | { type: "ready" }
  | { type: "drawn" }
  | { type: "failed" }
  | { type: "ask"; id: number }
  | { type: "unread"; count: number }
  | { type: "close" };

/** Name of the parameter in the window's URL that contains the embedding page's origin. */
export const HOST = "host";
