/** Texts of the widget's window. */

export const notEmbedded = "This page is the window of the chat widget, and is shown inside other pages.";

export const window = {
  close: "Close",
  unauthorized: "You are no longer signed in to the chat.",
  unauthorizedHint: "Sign in again on this page, then try once more.",
  again: "Try again",
  notMember: "You are not a member of this group.",
};
