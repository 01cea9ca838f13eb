/** The name in an address. Pure. */

/** Returns the last part of the address's path, if it has one. */
export function lastPart(url: string): string | undefined {
  return url.split(/[?#]/, 1)[0]?.split("/").at(-1) || undefined;
}
