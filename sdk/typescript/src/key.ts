/** Keys of messages. */

/** The newest key's time in milliseconds and, in the 12 bits below it, its counter. Above them is a 1. */
let last = 1n << 60n;

/**
 * Returns a new `client_msg_id`: a UUID of version 7 (RFC 9562), with the counter of its section 6.2, method 1. Keys
 * begin with the time, so the server adds them at the end of its index. Each is greater than the one before: if the
 * clock is set back or the counter overflows, the time in the keys runs ahead of the clock.
 */
export function newKey(): string {
  const now = (BigInt(Date.now()) << 12n) | (1n << 60n);
  last = now > last ? now : last + 1n;
  // The variant, binary 10, and 62 random bits. Pages loaded without TLS have no `crypto.randomUUID`.
  const digits = ((4n * last + 2n) << 62n) + crypto.getRandomValues(new BigUint64Array(1))[0]! / 4n;
  // The first digit is that 1, which keeps the number of digits the same.
  return digits.toString(16).replace(/.(.{8})(.{4})(...)(....)/, "$1-$2-7$3-$4-");
}
