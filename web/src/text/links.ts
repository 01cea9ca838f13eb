/** Which addresses may be followed, and where one stands in a text. */

const SCHEMES = /^(?:https?|mailto):$/;
/** Longer ones are text. */
export const LONGEST_ADDRESS = 2048;
const BARE = /https?:\/\/[^\s<>"`]+/iy;
/** What ends a sentence rather than an address. */
const TRAILING = ".,;:!?'*_~|…";

/** An address that may be followed, or `undefined`: nothing that runs, and nothing that is none. */
export function safeHref(address: string): string | undefined {
  if (address.length > LONGEST_ADDRESS) return undefined;
  try {
    const url = new URL(address);
    return SCHEMES.test(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/** The bare address that begins at `at`, as it is written. */
export function addressAt(text: string, at: number): string | undefined {
  BARE.lastIndex = at;
  const found = BARE.exec(text)?.[0];
  return found === undefined ? undefined : trimmed(found);
}

/** Without what belongs to the sentence around it: full stops, and brackets that were opened before it. */
function trimmed(address: string): string {
  const count = (sign: string): number => address.split(sign).length;
  const extra: Record<string, number> = {};
  for (const [open, close] of ["()", "[]", "{}"] as const) extra[close!] = count(close!) - count(open!);
  let end = address.length;
  const isOver = (last: string): boolean => TRAILING.includes(last) || extra[last]!-- > 0;
  while (end > 0 && isOver(address[end - 1]!)) end -= 1;
  return address.slice(0, end);
}

/** The address in `(…)` that begins at `at`, and how long that is with its brackets. Brackets within may be one deep. */
export function targetAt(text: string, at: number): { address: string; length: number } | undefined {
  if (text[at] !== "(") return undefined;
  let depth = 0;
  for (let end = at + 1; end < text.length && end - at <= LONGEST_ADDRESS; end += 1) {
    const sign = text[end]!;
    if (sign === "(") depth += 1;
    if (depth > 1 || /\s/.test(sign)) return undefined;
    if (sign !== ")") continue;
    if (depth === 0) return { address: text.slice(at + 1, end), length: end + 1 - at };
    depth -= 1;
  }
  return undefined;
}
