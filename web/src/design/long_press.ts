/** A long touch, or what else asks for the menu of something: the other button of a mouse, a key. */

import type { Attachment } from "svelte/attachments";

const LONG_MS = 500;
/** A finger that moves further scrolls. */
const STILL_PX = 10;

/** Not every browser tells of a long touch by itself; where one does, it counts once. */
export function menuAsked(act: () => void): Attachment<HTMLElement> {
  return (element) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let from = { x: 0, y: 0 };
    /** Whether the touch has done what it was for, so that lifting the finger does nothing more. */
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
        if (Math.hypot(clientX - from.x, clientY - from.y) > STILL_PX) stop();
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
