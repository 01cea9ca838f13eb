/**
 * Formats the clipboard when more than one message is selected: author and time with each text. A message that is
 * selected as a whole is copied as it was written, one selected in part as it is displayed. Selections within one
 * message are left to the browser.
 */

import type { Message } from "chatserver-client";
import type { Attachment } from "svelte/attachments";
import type { Session } from "../session/session.svelte.js";
import { say } from "../strings.js";
import { clockTime } from "../text/time.js";

export function copying(session: Session): Attachment<HTMLElement> {
  return (list) => {
    const copied = (event: ClipboardEvent): void => {
      const selection = getSelection();
      if (selection === null || selection.rangeCount === 0) return;
      const lines = selectedLines(session, list, selection);
      if (lines.length < 2) return;
      event.preventDefault();
      event.clipboardData?.setData("text/plain", lines.join("\n"));
    };
    list.addEventListener("copy", copied);
    return () => list.removeEventListener("copy", copied);
  };
}

/** Returns one line for each selected message. */
function selectedLines({ chat, client, people, username }: Session, list: HTMLElement, selection: Selection): string[] {
  const range = selection.getRangeAt(0);
  const rows = [...list.querySelectorAll<HTMLElement>("[data-message]")].filter((row) => range.intersectsNode(row));
  if (rows.length < 2) return [];
  const lines = rows.flatMap((row) => {
    const message = client.state.message(Number(row.dataset["message"]));
    const text = message === undefined ? "" : selectedText(message, row, range, selection);
    if (message === undefined || text === "") return [];
    const name = message.sender_id === chat.me && username !== "" ? username : people.name(message.sender_id);
    return [say.messages.describe(name, clockTime(message.timestamp), text)];
  });
  browserText(selection, range);
  return lines;
}

function selectedText(message: Message, row: HTMLElement, range: Range, selection: Selection): string {
  const whole = document.createRange();
  whole.selectNodeContents(row.querySelector("[data-body]") ?? row);
  const part = whole.cloneRange();
  if (range.compareBoundaryPoints(Range.START_TO_START, whole) > 0)
    part.setStart(range.startContainer, range.startOffset);
  if (range.compareBoundaryPoints(Range.END_TO_END, whole) < 0) part.setEnd(range.endContainer, range.endOffset);
  if (part.collapsed) return "";
  const text = browserText(selection, part);
  if (text !== browserText(selection, whole)) return text;
  return [message.content, ...message.media.map(({ url }) => url)].filter((one) => one !== "").join("\n") || text;
}

/** Returns the text of a range as the browser would copy it, without what can't be selected. */
function browserText(selection: Selection, range: Range): string {
  selection.removeAllRanges();
  selection.addRange(range);
  return selection.toString().trim();
}
