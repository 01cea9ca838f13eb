/** Keys that put marks around what is chosen in the field. */

import { replaceIn } from "./field.js";
import { link, toggleMark } from "./marks.js";

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
