/** Keys that put marks around what is chosen in the field, and addresses that are put there. */

import { replaceIn } from "./field.js";
import { isAddress, link, linkTo, toggleMark } from "./marks.js";

const MARKS: Record<string, string> = { b: "**", i: "*", e: "`" };

/** Whether the key was one of them. */
export function marked(
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

/** Whether an address was put where a text was chosen, which is a link to it now. */
export function linked(field: HTMLTextAreaElement, event: ClipboardEvent): boolean {
  const text = event.clipboardData?.getData("text/plain").trim() ?? "";
  const { value, selectionStart: start, selectionEnd: end } = field;
  if (start === end || !isAddress(text) || isAddress(value.slice(start, end).trim())) return false;
  replaceIn(field, linkTo(value, start, end, text));
  return true;
}
