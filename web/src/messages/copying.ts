/**
 * What is copied when more than one message is chosen: who said it, and when. Of messages that are chosen as a whole it is
 * the text as it was written; of the others, what is seen of it. A choice within one message is the browser's own affair.
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
      const said = saidIn(session, list, selection);
      if (said.length < 2) return;
      event.preventDefault();
      event.clipboardData?.setData("text/plain", said.join("\n"));
    };
    list.addEventListener("copy", copied);
    return () => list.removeEventListener("copy", copied);
  };
}

/** What each of the messages says, as far as it is chosen. */
function saidIn({ chat, client, people, username }: Session, list: HTMLElement, selection: Selection): string[] {
  const range = selection.getRangeAt(0);
  const rows = [...list.querySelectorAll<HTMLElement>("[data-message]")].filter((row) => range.intersectsNode(row));
  if (rows.length < 2) return [];
  const said = rows.flatMap((row) => {
    const message = client.state.message(Number(row.dataset["message"]));
    const text = message === undefined ? "" : chosenOf(message, row, range, selection);
    if (message === undefined || text === "") return [];
    const name = message.sender_id === chat.me && username !== "" ? username : people.name(message.sender_id);
    return [say.messages.describe(name, clockTime(message.timestamp), text)];
  });
  shown(selection, range);
  return said;
}

function chosenOf(message: Message, row: HTMLElement, range: Range, selection: Selection): string {
  const whole = document.createRange();
  whole.selectNodeContents(row.querySelector("[data-body]") ?? row);
  const part = whole.cloneRange();
  if (range.compareBoundaryPoints(Range.START_TO_START, whole) > 0)
    part.setStart(range.startContainer, range.startOffset);
  if (range.compareBoundaryPoints(Range.END_TO_END, whole) < 0) part.setEnd(range.endContainer, range.endOffset);
  if (part.collapsed) return "";
  const text = shown(selection, part);
  if (text !== shown(selection, whole)) return text;
  return [message.content, ...message.media.map(({ url }) => url)].filter((one) => one !== "").join("\n") || text;
}

/** Its text as the browser would copy it: without what cannot be chosen. */
function shown(selection: Selection, range: Range): string {
  selection.removeAllRanges();
  selection.addRange(range);
  return selection.toString().trim();
}
