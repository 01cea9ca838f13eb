/** Keyboard navigation in a list of messages. Pure. */

/** Returns the index that a key leads to; `undefined` for other keys. `page` is the number of visible rows. */
export function destination(key: string, at: number, length: number, page: number): number | undefined {
  const step: Record<string, number> = {
    ArrowUp: -1,
    ArrowDown: 1,
    PageUp: -Math.max(1, page - 1),
    PageDown: Math.max(1, page - 1),
    Home: -length,
    End: length,
  };
  const by = step[key];
  return by === undefined ? undefined : Math.max(0, Math.min(length - 1, at + by));
}

/** Whether a key opens the actions of a message. */
export function isMenuKey(event: KeyboardEvent): boolean {
  return event.key === "Enter" || event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey);
}
