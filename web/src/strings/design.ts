/** What the parts of every screen say. */

export const design = {
  close: "Close",
  dismiss: "Dismiss",
  cancel: "Cancel",
  again: "Try again",
  unreachable: "The server does not answer.",
};
