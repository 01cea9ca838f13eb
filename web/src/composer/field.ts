/** Changes a text field from code in a way that the user can undo. */

import type { Change } from "./marks.js";

export function replaceIn(field: HTMLTextAreaElement, { from, to, text, start, end }: Change): void {
  field.focus();
  field.setSelectionRange(from, to);
  // Only this method keeps the browser's undo history.
  const isDone = document.execCommand("insertText", false, text);
  if (!isDone) {
    field.setRangeText(text, from, to, "end");
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
  field.setSelectionRange(start, end);
}

/** Inserts text at the caret. */
export function insertInto(field: HTMLTextAreaElement, text: string): void {
  const { selectionStart: from, selectionEnd: to } = field;
  replaceIn(field, { from, to, text, start: from + text.length, end: from + text.length });
}

/** Fits a field's height to its content, in browsers that don't do so themselves. */
export function fitHeight(field: HTMLTextAreaElement): void {
  if (CSS.supports("field-sizing", "content")) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

/** Whether the device has an on-screen keyboard; there Enter begins a new line. */
export function hasTouchKeyboard(): boolean {
  return matchMedia("(hover: none) and (pointer: coarse)").matches;
}
