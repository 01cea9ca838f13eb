/** What the embedding page may choose, by attributes of the script or by a call. */

import { widget as words } from "../strings/widget.js";
import type { Theme, To } from "./messages.js";

export interface WidgetOptions {
  /** Where the chat server is; by default where the script came from. */
  url?: string;
  /** The token of the user, or what gives one: asked at the start, and anew when the server takes the former no longer. */
  token?: string;
  getToken?: () => string | Promise<string>;
  to: To;
  title?: string;
  position?: "left" | "right";
  theme?: Theme;
  /** Whether the window is open from the start. */
  open?: boolean;
}

export interface Chosen {
  server: string;
  getToken: () => string | Promise<string>;
  to: To;
  title: string | undefined;
  position: "left" | "right";
  theme: Theme;
  isOpen: boolean;
}

/** Checks what was chosen; an error says to the page's developer what is missing. */
export function chosen(options: WidgetOptions, home: string | undefined): Chosen {
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

/** The attributes of the script, if they ask for a widget. */
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
