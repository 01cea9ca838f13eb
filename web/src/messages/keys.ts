/** Where a key leads in a list of messages. Pure. */

/** The index to go to, or `undefined` for a key that leads nowhere. `page`: so many rows are in sight. */
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

/** Whether a key opens what can be done with a message. */
export function isMenuKey(event: KeyboardEvent): boolean {
  return event.key === "Enter" || event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey);
}
