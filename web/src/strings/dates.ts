/** Texts for going to a date. */

export const dates = {
  title: "Go to a date",
  day: "Day",
  go: "Go",
  invalid: "This is not a day.",
  none: "There are no messages here yet.",
  nothingLater: "Nothing was sent after that. This is the last message.",
};
