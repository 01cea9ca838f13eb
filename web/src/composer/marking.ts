/** Keys that format the selection, and addresses pasted over it. */

import { replaceIn } from "./field.js";
import { isAddress, link, linkTo, toggleMark } from "./marks.js";

const MARKS: Record<string, string> = { b: "**", i: "*", e: "`" };

/** Formats the selection if the key is a formatting key. Returns whether it was one. */
export function format(
  field: HTMLTextAreaElement,
  { key, shiftKey, ctrlKey, metaKey, altKey }: KeyboardEvent,
): boolean {
  if (altKey || !(ctrlKey || metaKey)) return false;
  const { value, selectionStart: start, selectionEnd: end } = field;
  const letter = key.toLowerCase();
  const mark = shiftKey ? (letter === "x" ? "~~" : undefined) : MARKS[letter];
  if (mark !== undefined) replaceIn(field, toggleMark(value, start, end, mark));
  else if (letter === "k" && start !== end) replaceIn(field, link(value, start, end));
  else return false;
  return true;
}

/** Turns the selection into a link if an address is pasted over it. Returns whether it did. */
export function linkByPaste(field: HTMLTextAreaElement, event: ClipboardEvent): boolean {
  const text = event.clipboardData?.getData("text/plain").trim() ?? "";
  const { value, selectionStart: start, selectionEnd: end } = field;
  if (start === end || !isAddress(text) || isAddress(value.slice(start, end).trim())) return false;
  replaceIn(field, linkTo(value, start, end, text));
  return true;
}
