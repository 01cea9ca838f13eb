/** Which addresses are safe to follow, and where addresses are in a text. */

const SCHEMES = /^(?:https?|mailto):$/;
/** Longer addresses are treated as text. */
export const MAX_ADDRESS = 2048;
const BARE = /https?:\/\/[^\s<>"`]+/iy;
/** Characters at the end of an address that rather belong to the sentence. */
const TRAILING = ".,;:!?'*_~|…";

/** Returns the normalized address if it is safe to follow; `undefined` for other schemes and for invalid ones. */
export function safeHref(address: string): string | undefined {
  if (address.length > MAX_ADDRESS) return undefined;
  try {
    const url = new URL(address);
    return SCHEMES.test(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the bare address that begins at `at`, as written. */
export function addressAt(text: string, at: number): string | undefined {
  BARE.lastIndex = at;
  const found = BARE.exec(text)?.[0];
  return found === undefined ? undefined : trimmed(found);
}

/** Removes what belongs to the surrounding sentence: punctuation, and closing brackets opened before the address. */
function trimmed(address: string): string {
  const count = (sign: string): number => address.split(sign).length;
  const extra: Record<string, number> = {};
  for (const [open, close] of ["()", "[]", "{}"] as const) extra[close!] = count(close!) - count(open!);
  let end = address.length;
  const isOver = (last: string): boolean => TRAILING.includes(last) || extra[last]!-- > 0;
  while (end > 0 && isOver(address[end - 1]!)) end -= 1;
  return address.slice(0, end);
}

/** Returns the address in `(…)` at `at`, and its length with the brackets. Brackets within may be one level deep. */
export function targetAt(text: string, at: number): { address: string; length: number } | undefined {
  if (text[at] !== "(") return undefined;
  let depth = 0;
  for (let end = at + 1; end < text.length && end - at <= MAX_ADDRESS; end += 1) {
    const sign = text[end]!;
    if (sign === "(") depth += 1;
    if (depth > 1 || /\s/.test(sign)) return undefined;
    if (sign !== ")") continue;
    if (depth === 0) return { address: text.slice(at + 1, end), length: end + 1 - at };
    depth -= 1;
  }
  return undefined;
}
