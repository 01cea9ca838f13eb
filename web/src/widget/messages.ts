/**
 * What the embedding page's script and the widget's window say to each other, by `postMessage`. Each looks at where a message
 * comes from before it looks at what it says.
 */

/** Whom one talks to: a user, a group, or a conversation that there is. */
export type To = { user: number } | { group: number } | { conversation: number };

export type Theme = "system" | "light" | "dark";

/** From the page to the window. */
export type ToWindow =
  | { type: "start"; to: To; title: string | undefined; theme: Theme }
  /** Answers `ask`; without a token there is a reason. */
  | { type: "token"; id: number; token?: string; reason?: string }
  /** It may well be opened. */
  | { type: "soon" }
  | { type: "shown"; isOpen: boolean };

/** From the window to the page. */
export type ToPage =
  /** It listens, and later it has something to show. */
  | { type: "ready" }
  | { type: "drawn" }
  | { type: "failed" }
  | { type: "ask"; id: number }
  | { type: "unread"; count: number }
  | { type: "close" };

/** Where the window's address has the origin of the page it stands in. */
export const HOST = "host";
