/** Refuses dropped and pasted files: the server takes none, and a browser would leave the page for a dropped one. */

import type { Attachment } from "svelte/attachments";
import type { Session } from "../session/session.svelte.js";
import { say } from "../strings.js";

/** Cancels such events and shows what is possible instead. */
export function filesDeclined({ notices }: Session): Attachment<HTMLElement> {
  const decline = (event: Event): void => {
    event.preventDefault();
    if (event.type !== "dragover") notices.info(say.composer.noFiles);
  };
  const dragged = (event: DragEvent): void => {
    if (event.dataTransfer?.types.includes("Files")) decline(event);
  };
  const pasted = (event: ClipboardEvent): void => {
    const types = event.clipboardData?.types ?? [];
    // Programs that copy a table add a picture of it to the text.
    if (types.includes("Files") && !types.includes("text/plain")) decline(event);
  };
  return (element) => {
    element.addEventListener("dragover", dragged);
    element.addEventListener("drop", dragged);
    element.addEventListener("paste", pasted);
    return () => {
      element.removeEventListener("dragover", dragged);
      element.removeEventListener("drop", dragged);
      element.removeEventListener("paste", pasted);
    };
  };
}
