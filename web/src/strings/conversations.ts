/** Texts of the list of conversations, and of starting new ones. */

import { counted, number } from "./counted.js";

const list = new Intl.ListFormat("en", { type: "conjunction" });

export const conversations = {
  title: "Conversations",
  titleOf: (name: string) => `Conversations of ${name}`,
  you: "You",
  draft: "Draft",
  deleted: "Message deleted",
  nothingYet: "No messages yet",
  isTyping: "typing…",
  typing: (names: string[]) =>
    names.length > 2
      ? `${names.length} people are typing…`
      : `${list.format(names)} ${names.length > 1 ? "are" : "is"} typing…`,
  media: { image: "Photo", video: "Video", audio: "Audio", file: "File" } as Record<string, string>,

  ownMenu: "Your account",
  states: { online: "Online", away: "Away", invisible: "Invisible", offline: "Offline", connecting: "Connecting…" },
  settings: "Settings",
  saved: "Saved messages",
  searchEverywhere: "Search all messages",
  shortcuts: "Keyboard shortcuts",
  signOut: "Sign out",
  leaveDemo: "Leave the demo",

  start: "New conversation",
  newDirect: "Message somebody",
  newGroup: "New group",

  filter: "Find conversations and people",
  clearFilter: "Clear",
  people: "People",
  noneFound: "No conversation or person has that name.",
  searchMessages: (text: string) => `Search messages for “${text}”`,
  writeTo: "Start a conversation",
  archived: (count: number) => `Archived (${number.format(count)})`,
  backFromArchive: "Back to all conversations",
  noConversation: "No conversation yet",
  noConversationHint: "Find somebody by name, or start a group.",
  loading: "Loading conversations",

  unread: (count: number) => counted(count, "unread message", "unread messages"),
  mentions: (count: number) => counted(count, "mention", "mentions"),
  isMarkedUnread: "Marked as unread",
  isMuted: "Muted",
  isPinned: "Pinned",
  waits: "Waiting to be sent",
  actions: (name: string) => `Actions for ${name}`,
  pin: "Pin to the top",
  unpin: "Unpin from the top",
  muteHours: (hours: number) => `Mute for ${counted(hours, "hour", "hours")}`,
  muteForEver: "Mute until I turn it on",
  unmute: "Unmute",
  archive: "Archive",
  unarchive: "Move out of the archive",
  markUnread: "Mark as unread",
  markRead: "Mark as read",
  details: "Details",

  personName: "Name",
  personHint: "The beginning of a username",
  noPerson: (text: string) => `Nobody's name begins with “${text}”.`,
  noOtherPerson: "Nobody else has an account yet.",
  notLooked: (reason: string) => `The search failed. ${reason}`,
  found: "People found",
  groupName: "Name of the group",
  members: "Members",
  chosen: "Chosen members",
  addMember: (name: string) => `Add ${name}`,
  dropMember: (name: string) => `Take ${name} out`,
  createGroup: "Create group",
  groupLater: "The group was created. It appears in the list once this page is connected again.",
};
