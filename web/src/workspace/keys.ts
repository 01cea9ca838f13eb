/**
 * Global keyboard shortcuts: for the whole page, or within the workspace where two share one. A focused component that
 * handles a key itself stops it before it gets here.
 */

import { tick } from "svelte";
import type { Attachment } from "svelte/attachments";
import { listingOf } from "../conversations/listing.svelte.js";
import { isUnread, neighbour } from "../conversations/order.js";
import type { Session } from "../session/session.svelte.js";
import { isComposing } from "../text/composing.js";

export function shortcuts(session: Session, isEmbedded: boolean): Attachment<HTMLElement> {
  return (workspace) => {
    const target: HTMLElement | Window = isEmbedded ? workspace : window;
    const keyed = (event: Event): void => {
      // An open dialog has keys of its own.
      if (event.defaultPrevented || session.place.sheet !== undefined) return;
      if (isDone(session, workspace, event as KeyboardEvent)) event.preventDefault();
    };
    target.addEventListener("keydown", keyed);
    return () => target.removeEventListener("keydown", keyed);
  };
}

function isDone(session: Session, workspace: HTMLElement, event: KeyboardEvent): boolean {
  const { key, altKey, ctrlKey, metaKey, shiftKey } = event;
  if (isComposing(event)) return false;
  const isPlain = !altKey && !ctrlKey && !metaKey;
  if ((ctrlKey || metaKey) && !altKey && !shiftKey && key.toLowerCase() === "k") return find(session, workspace);
  if (altKey && !ctrlKey && !metaKey && key === "ArrowUp") return step(session, -1, shiftKey);
  if (altKey && !ctrlKey && !metaKey && key === "ArrowDown") return step(session, 1, shiftKey);
  if (isPlain && key === "Escape") return leave(session);
  if (isPlain && key === "?" && !isWriting(event.target)) {
    session.place.sheet = "shortcuts";
    return true;
  }
  if (isPlain && key.length === 1 && event.target === document.body) write(session);
  return false;
}

/** Moves the focus to the composer when the user types while nothing has it. The key itself follows. */
function write(session: Session): void {
  const { target } = session.place;
  if (target !== undefined) session.writing(target).focusCount += 1;
}

/** Focuses the list's filter field. On narrow screens the open conversation hides it and is closed. */
function find(session: Session, workspace: HTMLElement): boolean {
  const { place } = session;
  if (workspace.querySelector("nav")?.checkVisibility() === false) {
    place.panel = undefined;
    place.open(undefined);
  }
  void tick().then(() => (listingOf(session).focusCount += 1));
  return true;
}

function step(session: Session, by: 1 | -1, isToUnread: boolean): boolean {
  const { chat, place } = session;
  const { target } = place;
  const from =
    target === undefined
      ? undefined
      : "conversation" in target
        ? target.conversation
        : chat.directWith(target.user)?.id;
  const to = neighbour(listingOf(session).inOrder, from, by, isToUnread ? isUnread : undefined);
  if (to !== undefined) place.open({ conversation: to.id });
  return true;
}

/** Closes the side panel, or else cancels replying or editing. */
function leave(session: Session): boolean {
  const { place } = session;
  if (place.panel !== undefined) {
    place.panel = undefined;
    return true;
  }
  if (place.target === undefined) return false;
  const writing = session.writing(place.target);
  if (writing.replyTo === undefined && writing.editing === undefined) return false;
  writing.cancel();
  return true;
}

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
