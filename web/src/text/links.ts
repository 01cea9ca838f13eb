/** Which addresses may be followed, and where one stands in a text. */

const SCHEMES = new Set(["http:", "https:", "mailto:"]);
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
    return SCHEMES.has(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/** In a name, between its parts; browsers take the second for the first. */
const DOT = /[.。]/;
const NO_NAME = /[^\p{L}\p{N}.。-]+/u;

/** Where a link leads, where its words look like another place. To be shown beside them. */
export function otherPlace(words: string, href: string): string | undefined {
  const url = new URL(href);
  const isMail = url.protocol === "mailto:";
  const place = isMail ? decoded(url.pathname) : url.host;
  const host = isMail ? url.pathname.slice(url.pathname.lastIndexOf("@") + 1) : url.hostname;
  return placesIn(words).every((named) => sameHost(named, host)) ? undefined : place;
}

/** Where a bare address leads, where that is hard to see in it: behind a name and password, or letters of other scripts. */
export function hiddenPlace(href: string): string | undefined {
  const url = new URL(href);
  return url.username !== "" || url.hostname.split(".").some((part) => part.startsWith("xn--")) ? url.host : undefined;
}

/** What looks like a host in some words: of an address what stands before its path. */
function placesIn(words: string): string[] {
  // As they look: without what cannot be seen, and in the usual form of each letter.
  const seen = words.normalize("NFKC").replace(/\p{Default_Ignorable_Code_Point}/gu, "");
  const authorities = seen.split(/\s+/).map((word) => word.slice(afterScheme(word)).split(/[/?#\\]/, 1)[0]!);
  return authorities.flatMap((authority) => authority.split(NO_NAME)).filter(isHost);
}

function afterScheme(word: string): number {
  const slashes = word.indexOf("://");
  return slashes === -1 ? 0 : slashes + 3;
}

function isHost(name: string): boolean {
  const parts = name.split(DOT).filter((part) => part !== "");
  if (parts.length < 2) return false;
  return (
    /^(?:\p{L}{2,}|xn--.+)$/iu.test(parts.at(-1)!) || (parts.length === 4 && parts.every((part) => /^\d+$/.test(part)))
  );
}

function sameHost(one: string, other: string): boolean {
  return bare(one) === bare(other);
}

function bare(host: string): string {
  const parts = host.split(DOT).filter((part) => part !== "");
  const name = parts.join(".").toLowerCase();
  const url = `https://${name}`;
  return (URL.canParse(url) ? new URL(url).hostname : name).replace(/^www\./, "");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
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
  const open: Record<string, number> = { ")": count(address, "("), "]": count(address, "["), "}": count(address, "{") };
  const closed: Record<string, number> = {
    ")": count(address, ")"),
    "]": count(address, "]"),
    "}": count(address, "}"),
  };
  let end = address.length;
  for (; end > 0; end -= 1) {
    const last = address[end - 1]!;
    if (TRAILING.includes(last)) continue;
    if (last in open && closed[last]! > open[last]!) {
      closed[last]! -= 1;
      continue;
    }
    break;
  }
  return address.slice(0, end);
}

function count(text: string, sign: string): number {
  let found = 0;
  for (let at = text.indexOf(sign); at !== -1; at = text.indexOf(sign, at + 1)) found += 1;
  return found;
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
