/** Requests for a context menu: a long touch, the secondary mouse button, or a key. */

import type { Attachment } from "svelte/attachments";

const LONG_MS = 500;
/** Movement from which a touch counts as scrolling. */
const MAX_MOVE_PX = 10;

/** Calls `act` on such a request. Not every browser reports a long touch by itself; where one does, it counts once. */
export function onMenuRequest(act: () => void): Attachment<HTMLElement> {
  return (element) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let from = { x: 0, y: 0 };
    /** Whether the touch has already opened the menu, so that lifting the finger must do nothing. */
    let isDone = false;
    let isTouched = false;

    const stop = (): void => clearTimeout(timer);
    const done = (): void => {
      stop();
      if (!isDone) act();
      isDone = true;
    };
    const on = {
      pointerdown: ({ pointerType, clientX, clientY }: PointerEvent) => {
        stop();
        isTouched = pointerType === "touch";
        isDone = false;
        if (!isTouched) return;
        from = { x: clientX, y: clientY };
        timer = setTimeout(done, LONG_MS);
      },
      pointermove: ({ clientX, clientY }: PointerEvent) => {
        if (Math.hypot(clientX - from.x, clientY - from.y) > MAX_MOVE_PX) stop();
      },
      pointerup: stop,
      pointercancel: stop,
      touchend: (event: TouchEvent) => {
        if (isDone) event.preventDefault();
        isTouched = false;
      },
      contextmenu: (event: MouseEvent) => {
        event.preventDefault();
        if (isTouched) done();
        else act();
      },
    };
    const all = Object.entries(on) as [string, EventListener][];
    for (const [name, listener] of all) element.addEventListener(name, listener);
    return () => {
      stop();
      for (const [name, listener] of all) element.removeEventListener(name, listener);
    };
  };
}
