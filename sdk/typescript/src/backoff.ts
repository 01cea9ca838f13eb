/** How long to wait before the next try. Pure: chance comes from outside. */

const BASE_MS = 500;
const CAP_MS = 30_000;
/** A server that announces more than this is not believed. */
const LONGEST_ANNOUNCED_MS = 600_000;

/** Full jitter: anything between nothing and an exponential bound, so that clients that fell together rise apart. */
export function fullJitter(attempt: number, random: () => number, base = BASE_MS, cap = CAP_MS): number {
  return Math.floor(random() * Math.min(cap, base * 2 ** attempt));
}

/** The delay in a close reason such as "reconnect in 730 ms". */
export function announcedDelay(reason: string): number | undefined {
  const digits = /(\d+)\s*ms\b/.exec(reason)?.[1];
  return digits === undefined ? undefined : Math.min(Number(digits), LONGEST_ANNOUNCED_MS);
}
