/** Delays before the next attempt. Pure: the random source is passed in. */

const BASE_MS = 500;
const CAP_MS = 30_000;
/** Upper bound for delays that a server announces; longer ones are cut to this. */
const MAX_ANNOUNCED_MS = 600_000;

/**
 * Full jitter: returns a delay between 0 and an exponential bound, in milliseconds, so that clients which were
 * disconnected together do not reconnect together.
 */
export function fullJitter(attempt: number, random: () => number, base = BASE_MS, cap = CAP_MS): number {
  return Math.floor(random() * Math.min(cap, base * 2 ** attempt));
}

/** Returns the delay named in a close reason such as "reconnect in 730 ms", in milliseconds. */
export function announcedDelay(reason: string): number | undefined {
  const digits = /(\d+)\s*ms\b/.exec(reason)?.[1];
  return digits === undefined ? undefined : Math.min(Number(digits), MAX_ANNOUNCED_MS);
}
