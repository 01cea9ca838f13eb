/** Texts of the widget in the embedding page. Those of its window are in window.ts. */

const number = new Intl.NumberFormat("en");

export const widget = {
  // The button, in other sites' pages
  open: "Open chat",
  openWith: (unread: number) => `Open chat, ${number.format(unread)} unread`,
  close: "Close chat",
  title: "Chat",
  loading: "Loading the chat…",
  failed: "The chat cannot be shown here.",
  badge: (unread: number) => (unread > 99 ? "99+" : String(unread)),

  // For developers of the embedding page
  refused: (server: string, origin: string) =>
    `The chat of ${server} did not load. Is ${origin} one of its ALLOWED_ORIGINS, and does this page's policy allow frame-src ${server}?`,
  needsToken: "The chat widget needs a token, or a function getToken that returns one",
  needsTo: "The chat widget needs a recipient: the id of one user, group or conversation",
  needsUrl: "The chat widget needs the chat server's address as its url",
  noToken: "getToken returned no token",
};
