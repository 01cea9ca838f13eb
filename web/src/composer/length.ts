/** The server's limit for a message, in bytes of UTF-8. */

const MAX_BYTES = 16 * 1024;
/** Remaining bytes below which the composer shows how many are left. */
const NEAR_BYTES = 1024;
/** Upper bound of UTF-8 bytes per UTF-16 unit. */
const MAX_BYTES_EACH = 3;

const encoder = new TextEncoder();

/** Returns how many bytes are left if only few are, negative if the text is too long; `undefined` if there is room. */
export function roomLeft(text: string): number | undefined {
  if (text.length * MAX_BYTES_EACH < MAX_BYTES - NEAR_BYTES) return undefined;
  const left = MAX_BYTES - encoder.encode(text).length;
  return left < NEAR_BYTES ? left : undefined;
}

export function isTooLong(text: string): boolean {
  return (roomLeft(text) ?? 0) < 0;
}
