/** The name in an address. Pure. */

/** The last part of its path, if that has one. */
export function lastPart(url: string): string | undefined {
  return url.split(/[?#]/, 1)[0]?.split("/").at(-1) || undefined;
}
