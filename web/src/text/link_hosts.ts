/** Finds links whose text suggests another host. Pure; loaded later, like blocks of code. */

import { wordsOf, type Inline } from "./tree.js";

/** Returns what to show beside a link: its host, if the text is misleading. */
export function hostToShow(link: Inline & { kind: "link" }): string | undefined {
  return link.isBare ? hiddenHost(link.href) : differentHost(wordsOf(link.parts), link.href);
}

/** Returns the host (or mail address) that a link leads to, if its text looks like a different one. */
export function differentHost(words: string, href: string): string | undefined {
  const { protocol, pathname, host, hostname } = new URL(href);
  const isMail = protocol === "mailto:";
  const own = hostIn(isMail ? pathname.split("@").at(-1)! : hostname) ?? hostname;
  const isOwn = (name: string): boolean => (hostIn(name) ?? own) === own;
  return asRead(words)
    .split(/\s+/)
    .every((word) => authorityIn(word).split(NOT_IN_NAMES).every(isOwn))
    ? undefined
    : isMail
      ? pathname
      : host;
}

/** Returns the host of a bare address if it is hard to see: behind a user name, or in letters of other scripts. */
export function hiddenHost(href: string): string | undefined {
  const { username, host } = new URL(href);
  return username !== "" || host.includes("xn--") ? host : undefined;
}

/** Characters that no host name contains. */
const NOT_IN_NAMES = /[^\p{L}\p{M}\p{N}.-]+/u;

/** Invisible characters: direction marks, joiners, ignorable ones. Some of them count as marks or letters. */
const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;
/** Characters that look like a full stop (Unicode Technical Standard 39) or that browsers treat as one; no digits. */
const DOT = /[。܁܂꘎ꓸ𐩐]/gu;

/** Normalizes words to what a reader takes them for. */
const asRead = (words: string): string => words.normalize("NFKC").replace(INVISIBLE, "").replace(DOT, ".");

/** Returns the part of an address before the path. */
const authorityIn = (word: string): string => word.replace(/^.*?:\/\//, "").split(/[/?#\\]/, 1)[0]!;

/** Returns a name's host in the form that browsers use, if it looks like a host. */
function hostIn(name: string): string | undefined {
  const url = `https://${name}`;
  const host = URL.canParse(url) ? new URL(url).hostname.replace(/^www\.|\.$/g, "") : "";
  return /\.[a-z][\w-]+$/.test(host) || /^(\d+\.){3}\d+$/.test(name) ? host : undefined;
}
