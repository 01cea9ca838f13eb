/** Texts around the conversations: the banner, notifications of messages elsewhere. */

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
