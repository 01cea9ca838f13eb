/** Files that are dropped or pasted: the server takes none yet, and the browser would leave the page for what is dropped. */

import type { Attachment } from "svelte/attachments";
import type { Session } from "../session/session.svelte.js";
import { say } from "../strings.js";

/** Says what is possible in their place. */
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
    // Programs that copy a table give a picture of it along with the text.
    if (types.includes("Files") && !types.includes("text/plain")) decline(event);
  };
  return (ground) => {
    ground.addEventListener("dragover", dragged);
    ground.addEventListener("drop", dragged);
    ground.addEventListener("paste", pasted);
    return () => {
      ground.removeEventListener("dragover", dragged);
      ground.removeEventListener("drop", dragged);
      ground.removeEventListener("paste", pasted);
    };
  };
}
