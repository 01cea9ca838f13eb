/** Texts of the composer. Those of its aids are in aids.ts, which is loaded later. */

import { counted } from "./counted.js";

export const composer = {
  message: "Message",
  messageTo: (name: string) => `Message ${name}`,
  reply: "Reply in the thread",
  edited: "Edit the message",
  send: "Send",
  save: "Save the change",
  attach: "Attach a link",
  emoji: "Emoji",
  everyone: "Everyone in the group",
  roomLeft: (n: number) => `${counted(n, "byte", "bytes")} left`,
  tooLong: (n: number) => `Too long by ${counted(n, "byte", "bytes")}`,
  notMember: "You are no longer a member. You can still read the messages.",
  mayNotPost: "You can read here, but not write.",
  noFiles: "Files cannot be sent yet. Attach a link to one that others can open.",
  attachFull: "A message can have at most 10 attachments.",
};
