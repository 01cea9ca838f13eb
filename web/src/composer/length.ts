/** How long a message may be, in bytes of UTF-8: the server's limit. */

const MAX_BYTES = 16 * 1024;
/** From here on it is said how much room is left. */
const NEAR_BYTES = 1024;
/** No character of a string takes more. */
const MAX_BYTES_EACH = 3;

const encoder = new TextEncoder();

/** How many bytes are left; nothing as long as that is many. Negative if it is too long. */
export function roomLeft(text: string): number | undefined {
  if (text.length * MAX_BYTES_EACH < MAX_BYTES - NEAR_BYTES) return undefined;
  const left = MAX_BYTES - encoder.encode(text).length;
  return left < NEAR_BYTES ? left : undefined;
}

export function isTooLong(text: string): boolean {
  return (roomLeft(text) ?? 0) < 0;
}
