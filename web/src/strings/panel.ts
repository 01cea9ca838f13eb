/** What is said beside the conversation. */

const numbers = new Intl.NumberFormat("en");
const plural = new Intl.PluralRules("en");
const count = (n: number, one: string, other: string): string =>
  `${numbers.format(n)} ${plural.select(n) === "one" ? one : other}`;

export const panel = {
  titles: {
    thread: "Thread",
    details: "Details",
    pins: "Pinned messages",
    search: "Search",
    saved: "Saved messages",
  },
  back: "Back",
  close: "Close",
  more: "Show more",
  loading: "Loading…",
  again: "Try again",
  failed: "This could not be loaded.",
  jump: (name: string, time: string) => `Go to the message of ${name}, ${time}`,
  you: "You",
  deleted: "This message was deleted.",
  attachments: (n: number) => count(n, "attachment", "attachments"),
  replies: (n: number) => count(n, "reply", "replies"),
  noReplies: "No replies yet",
  newReplies: "New",
  older: "Show earlier replies",
  threadGone: "This thread is not there any more.",
  threadLog: "Replies",
  newest: "To the newest reply",
  searchField: "Search messages",
  searchHint: "Words, “a phrase”, begin*",
  searchClear: "Clear",
  where: "Where to search",
  here: "Here",
  everywhere: "Everywhere",
  order: "Order",
  orders: { newest: "Newest first", best: "Best match first" },
  filters: "Narrow down",
  filterFrom: "From",
  filterAfter: "After",
  filterBefore: "Before",
  filterMedia: "Attachment",
  searchEmpty: "Find what was said",
  searchHelp:
    "Finds messages that have all the words. Put a phrase in quotation marks, and also a name with spaces: from:“Mary Ann”. Write days as 2026-01-31.",
  searchNone: "Nothing was found.",
  searchNoneHint: "Try fewer words or filters. What was sent a second ago may not be found yet.",
  searchSlow: "This takes longer than usual…",
  searching: "Searching…",
  foundCount: (n: number, hasMore: boolean) =>
    hasMore ? `More than ${count(n, "message", "messages")}` : count(n, "message", "messages"),
  nobodyNamed: (name: string) => `Nobody is called “${name}”.`,
  pinsNone: "Nothing is pinned here yet.",
  pinsHint: "Choose Pin in the menu of a message that everybody here should find again.",
  unpin: "Unpin",
  savedNone: "Nothing is saved yet.",
  savedHint: "Choose Save in the menu of a message to find it again here. Only you see it.",
  unsave: "Remove from saved",
};
