/** Texts of the actions on messages, and of other parts of the list that are loaded later. */

import { counted } from "./counted.js";

const listed = new Intl.ListFormat("en");

export const actions = {
  all: "What to do with this message",
  react: "React",
  reactWith: (emoji: string) => `React with ${emoji}`,
  moreEmoji: "More emoji",
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
  unsave: "Remove from saved",
  delete: "Delete",
  info: "Message info",
  discard: "Do not send",

  // Deleting
  deleteTitle: "Delete this message?",
  deleteForMe: "Delete for me",
  deleteForEveryone: "Delete for everyone",
  deleteHint: "For everyone: nobody can read it any more. For you: the others keep it.",
  deleteForMeHint: "It is deleted only for you; the others keep it.",

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

  // The list
  toNewest: "To the newest message",
  newBelow: (count: number) => counted(count, "new message", "new messages"),
  heard: (name: string, text: string) => `${name}: ${text}`,
  media: { image: "Image", video: "Video", audio: "Audio", file: "File" } as Record<string, string>,
  imageFailed: "The picture could not be loaded",
  showPicture: "Show picture",
  opensInNewTab: (name: string) => `${name} (opens in a new tab)`,

  // Reactions
  reaction: (emoji: string, count: number, mine: boolean) =>
    `${emoji} ${counted(count, "reaction", "reactions")}${mine ? ", including yours" : ""}`,
  reactedBy: (names: string[], others: number) =>
    listed.format(others === 0 ? names : [...names, counted(others, "other", "others")]),
};
