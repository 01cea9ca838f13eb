/** What is done to a field of text by others than its user's fingers, so that it can be undone as what was typed. */

import type { Change } from "./marks.js";

export function replaceIn(field: HTMLTextAreaElement, { from, to, text, start, end }: Change): void {
  field.focus();
  field.setSelectionRange(from, to);
  // No other way keeps the browser's own undo.
  const isDone = document.execCommand("insertText", false, text);
  if (!isDone) {
    field.setRangeText(text, from, to, "end");
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
  field.setSelectionRange(start, end);
}

/** Puts text where the caret is. */
export function insertInto(field: HTMLTextAreaElement, text: string): void {
  const { selectionStart: from, selectionEnd: to } = field;
  replaceIn(field, { from, to, text, start: from + text.length, end: from + text.length });
}

/** Makes a field as high as what is in it, in browsers that don't do so by themselves. */
export function fit(field: HTMLTextAreaElement): void {
  if (CSS.supports("field-sizing", "content")) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

/** Whether Enter is a key under a thumb: there it begins a new line. */
export function hasThumbs(): boolean {
  return matchMedia("(hover: none) and (pointer: coarse)").matches;
}
