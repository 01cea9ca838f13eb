/** Which message is shown for a day. Pure. */

import type { Message } from "chatserver-client";

/** Returns the start of a day such as `2026-11-01` in the browser's time zone; `undefined` for other texts. */
export function startOf(day: string): string | undefined {
  const start = new Date(`${day}T00:00`);
  return /^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(start.getTime()) ? start.toISOString() : undefined;
}

/**
 * Returns the first message sent at a time or later, and whether there is one; else the last message. One outside of
 * threads if possible, because threads are shown apart.
 */
export function messageAt(
  messages: readonly Message[],
  at: string,
): { message: Message | undefined; isLater: boolean } {
  const outside = messages.filter(({ thread_id }) => thread_id === null);
  const isLater = ({ timestamp }: Message): boolean => Date.parse(timestamp) >= Date.parse(at);
  const found = outside.find(isLater) ?? messages.find(isLater);
  return { message: found ?? outside.at(-1) ?? messages.at(-1), isLater: found !== undefined };
}
