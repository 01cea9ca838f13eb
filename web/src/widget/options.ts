/** The options of the embedding page, given as attributes of the script or in a call. */

import { widget as words } from "../strings/widget.js";
import type { Theme, To } from "./messages.js";

export interface WidgetOptions {
  /** Address of the chat server; by default the script's origin. */
  url?: string;
  /** The user's token, or `getToken`: called at the start, and again when the server no longer accepts the token. */
  token?: string;
  getToken?: () => string | Promise<string>;
  to: To;
  title?: string;
  position?: "left" | "right";
  theme?: Theme;
  /** Whether the window is open initially. */
  open?: boolean;
}

export interface ResolvedOptions {
  server: string;
  getToken: () => string | Promise<string>;
  to: To;
  title: string | undefined;
  position: "left" | "right";
  theme: Theme;
  isOpen: boolean;
}

/** Checks the options and fills in defaults. Throws an error that tells the page's developer what is missing. */
export function resolveOptions(options: WidgetOptions, home: string | undefined): ResolvedOptions {
  const { url = home, token, getToken, to, title, position, theme, open = false } = options;
  if (url === undefined) throw new TypeError(words.needsUrl);
  if (getToken === undefined && !token) throw new TypeError(words.needsToken);
  const ids = Object.entries(to ?? {}).filter(([, id]) => id !== undefined);
  const [kind, id] = ids[0] ?? [];
  const isOne = ids.length === 1 && ["user", "group", "conversation"].includes(kind ?? "");
  if (!isOne || !Number.isSafeInteger(id) || Number(id) <= 0) throw new TypeError(words.needsTo);
  return {
    server: new URL(url, location.href).origin,
    getToken: getToken ?? (() => token!),
    to: { [kind!]: id } as To,
    title,
    position: position === "left" ? "left" : "right",
    theme: theme === "light" || theme === "dark" ? theme : "system",
    isOpen: open,
  };
}

/** Reads the script's attributes; `undefined` if they don't ask for a widget. */
export function attributesOf({ dataset }: HTMLScriptElement): WidgetOptions | undefined {
  const { token, toUser, toGroup, conversation, title, position, theme, open } = dataset;
  if (token === undefined && toUser === undefined && toGroup === undefined && conversation === undefined)
    return undefined;
  const id = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
  return {
    token: token ?? "",
    to: { user: id(toUser), group: id(toGroup), conversation: id(conversation) } as unknown as To,
    position: position === "left" ? "left" : "right",
    theme: theme as Theme,
    open: open !== undefined && open !== "false",
    ...(title === undefined ? {} : { title }),
  };
}
