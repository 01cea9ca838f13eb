/** What stands around the conversations says: the banner, what arrives elsewhere, the list of keys. */

import { counted } from "./conversations.js";

export const workspace = {
  title: (unread: number, name: string) => `${unread > 0 ? `(${unread > 99 ? "99+" : unread}) ` : ""}${name}`,
  connecting: "Connecting…",
  offline: "Offline. What you send waits here.",
  waiting: (count: number) => `${counted(count, "message waits", "messages wait")}.`,
  retry: (seconds: number) => `Next try in ${seconds} s`,
  retrying: "Trying again…",
  backOnline: "Connected again.",

  arrived: (from: string, text: string) => `${from}: ${text}`,
  arrivedIn: (from: string, where: string) => `${from} in ${where}`,
  arrivedHeard: (from: string) => `New message from ${from}`,
  dismiss: "Dismiss",

  shortcuts: "Keyboard shortcuts",
  keyGroups: [
    {
      name: "Everywhere",
      keys: [
        { keys: ["Mod", "K"], does: "Find a conversation or a person" },
        { keys: ["Alt", "↑"], does: "Previous conversation" },
        { keys: ["Alt", "↓"], does: "Next conversation" },
        { keys: ["Alt", "Shift", "↑"], does: "Previous unread conversation" },
        { keys: ["Alt", "Shift", "↓"], does: "Next unread conversation" },
        { keys: ["Esc"], does: "Close, or take back a reply" },
        { keys: ["?"], does: "Show this list" },
      ],
    },
    {
      name: "In the list of conversations",
      keys: [
        { keys: ["↑"], does: "Up" },
        { keys: ["↓"], does: "Down" },
        { keys: ["Enter"], does: "Open" },
        { keys: ["Shift", "F10"], does: "Actions" },
      ],
    },
    {
      name: "While writing",
      keys: [
        { keys: ["Enter"], does: "Send" },
        { keys: ["Shift", "Enter"], does: "New line" },
        { keys: ["↑"], does: "Change your last message" },
      ],
    },
  ],
};
