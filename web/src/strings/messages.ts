/** Texts of the messages. Those of their actions are in actions.ts, which is loaded later. */

import { counted } from "./counted.js";

const listed = new Intl.ListFormat("en");

export const messages = {
  // The open conversation
  none: "Choose a conversation, or start a new one.",
  missing: "This conversation does not exist, or you are not a member of it.",
  noUser: "There is nobody at this address.",
  oneself: "This is you. Choose somebody else.",
  sayHello: (name: string) => `You and ${name} have not written to each other yet. Say hello.`,
  emptyGroup: "Nobody has written here yet. Be the first.",
  conversation: (name: string) => `Conversation with ${name}`,
  back: "Back to the conversations",
  search: "Search in this conversation",
  pins: "Pinned messages",
  details: "Details",
  more: "More",
  online: "Online",
  away: "Away",
  offline: "Offline",
  lastSeen: (when: string) => `Last seen ${when}`,
  members: (count: number) => counted(count, "member", "members"),
  typing: (names: string[]) =>
    names.length > 3
      ? "Several people are typing"
      : `${listed.format(names)} ${names.length === 1 ? "is" : "are"} typing`,

  // The list
  list: (name: string) => `Messages with ${name}`,
  beginning: "The conversation begins here.",
  unread: "New",
  loading: "Loading messages",
  loadFailed: "The messages could not be loaded.",
  again: "Try again",

  // A message
  you: "You",
  describe: (name: string, time: string, text: string) => `${name}, ${time}: ${text}`,
  deleted: "This message was deleted",
  edited: "edited",
  showVersions: "Edited: show earlier texts",
  forwardedFrom: (name: string) => `Forwarded from ${name}`,
  showMore: "Show more",
  showLess: "Show less",
  growing: "Still being written",
  abandoned: "Stopped before the end",
  pinned: "Pinned",
  saved: "Saved",
  showQuoted: (name: string) => `Show the message from ${name} that this replies to`,
  quoteDeleted: "Deleted message",
  replies: (count: number) => counted(count, "reply", "replies"),
  lastReply: (when: string) => `last ${when}`,
  waiting: "Waiting to be sent",
  sent: "Sent",
  delivered: "Delivered",
  read: "Read",
};
