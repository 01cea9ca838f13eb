/** What the messages and what can be done with them say. */

const number = new Intl.NumberFormat("en");
const plural = new Intl.PluralRules("en");
const counted = (count: number, one: string, many: string): string =>
  `${number.format(count)} ${plural.select(count) === "one" ? one : many}`;
const listed = new Intl.ListFormat("en");

export const messages = {
  // The open conversation
  none: "Choose a conversation, or begin a new one.",
  missing: "This conversation does not exist, or you are not a member of it.",
  noUser: "There is nobody at this address.",
  oneself: "This is you. Choose somebody else to write to.",
  sayHello: (name: string) => `You and ${name} have not written to each other yet.`,
  emptyGroup: "Nobody has written here yet.",
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
  toNewest: "To the newest message",
  newBelow: (count: number) => counted(count, "new message", "new messages"),
  loading: "Loading messages",
  loadFailed: "The messages could not be loaded.",
  again: "Try again",
  heard: (name: string, text: string) => `${name}: ${text}`,

  // A message
  you: "You",
  describe: (name: string, time: string, text: string) => `${name}, ${time}: ${text}`,
  deleted: "This message was deleted",
  edited: "edited",
  showVersions: "Edited: show earlier texts",
  forwardedFrom: (name: string) => `Forwarded from ${name}`,
  forwarded: "Forwarded",
  showMore: "Show more",
  showLess: "Show less",
  growing: "Still being written",
  abandoned: "Stopped before its end",
  pinned: "Pinned",
  saved: "Saved",
  showQuoted: (name: string) => `Show the message of ${name} that this answers`,
  quoteDeleted: "Deleted message",
  replies: (count: number) => counted(count, "reply", "replies"),
  lastReply: (when: string) => `last ${when}`,
  waiting: "Waiting to be sent",
  sent: "Sent",
  delivered: "Delivered",
  read: "Read",
  media: { image: "Image", video: "Video", audio: "Audio", file: "File" } as Record<string, string>,
  imageFailed: "The picture could not be loaded",
  showPicture: "Show picture",
  opensInNewTab: (name: string) => `${name} (opens in a new tab)`,

  // Reactions
  react: "React",
  reactWith: (emoji: string) => `React with ${emoji}`,
  moreEmoji: "More emoji",
  reaction: (emoji: string, count: number, mine: boolean) =>
    `${emoji} ${counted(count, "reaction", "reactions")}${mine ? ", one of them yours" : ""}`,
  reactedBy: (names: string[], others: number) =>
    listed.format(others === 0 ? names : [...names, counted(others, "other", "others")]),

  // What can be done
  actions: "What to do with this message",
  reply: "Reply",
  thread: "Reply in a thread",
  edit: "Edit",
  forward: "Forward",
  copyText: "Copy text",
  copyLink: "Copy link",
  copied: "Copied",
  pin: "Pin",
  unpin: "Unpin",
  save: "Save",
  unsave: "No longer save",
  delete: "Delete",
  info: "Message info",
  discard: "Do not send",

  // Deleting
  deleteTitle: "Delete this message?",
  deleteForMe: "Delete for me",
  deleteForEveryone: "Delete for everyone",
  deleteHint: "For everyone: nobody can read it any more. For you alone: the others keep it.",
  deleteForMeHint: "It is deleted for you alone; the others keep it.",

  // Forwarding
  forwardTitle: "Forward to",
  forwardSearch: "Conversation or person",
  forwardNobody: "Nobody found",
  forwardedTo: (name: string) => `Forwarded to ${name}`,

  // Versions and receipts
  versionsTitle: "Earlier texts",
  now: "Now",
  infoTitle: "Message info",
  sentAt: "Sent",
  editedAt: "Last edited",
  readBy: "Read by",
  deliveredTo: "Delivered to",
  waitingFor: "Not delivered yet to",
  nobodyYet: "Nobody yet",
};
