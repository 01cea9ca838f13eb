/** What stands around the conversations says: the banner, what arrives elsewhere. */

import { counted } from "./counted.js";

export const workspace = {
  title: (unread: number, name: string) => `${unread > 0 ? `(${unread > 99 ? "99+" : unread}) ` : ""}${name}`,
  connecting: "Connecting…",
  offline: "Offline. What you send waits here.",
  waiting: (count: number) => `${counted(count, "message waits", "messages wait")}.`,
  retry: (seconds: number) => `Next try in ${seconds} s`,
  retrying: "Trying again…",

  arrivedIn: (from: string, where: string) => `${from} in ${where}`,
  arrivedHeard: (from: string) => `New message from ${from}`,
  dismiss: "Dismiss",
};
