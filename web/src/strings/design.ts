/** Texts of components that all screens use. */

export const design = {
  close: "Close",
  dismiss: "Dismiss",
  cancel: "Cancel",
  again: "Try again",
  unreachable: "The server does not answer.",
};
