/** Where links lead whose words would have one think of another place. Pure; loaded later, as are blocks of code. */

import { wordsOf, type Inline } from "./tree.js";

/** What is to be shown beside a link: where it leads, if one would not think so. */
export function placeOf(link: Inline & { kind: "link" }): string | undefined {
  return link.isBare ? hiddenPlace(link.href) : otherPlace(wordsOf(link.parts), link.href);
}

/** Where a link leads, where its words look like another place. To be shown beside them. */
export function otherPlace(words: string, href: string): string | undefined {
  const { protocol, pathname, host, hostname } = new URL(href);
  const isMail = protocol === "mailto:";
  const own = hostIn(isMail ? pathname.split("@").at(-1)! : hostname) ?? hostname;
  const isOwn = (name: string): boolean => (hostIn(name) ?? own) === own;
  return asRead(words)
    .split(/\s+/)
    .every((word) => authorityIn(word).split(NO_NAME).every(isOwn))
    ? undefined
    : isMail
      ? pathname
      : host;
}

/** Where a bare address leads, where that is hard to see in it: behind a name, or in letters of other scripts. */
export function hiddenPlace(href: string): string | undefined {
  const { username, host } = new URL(href);
  return username !== "" || host.includes("xn--") ? host : undefined;
}

/** What no name has in it. */
const NO_NAME = /[^\p{L}\p{M}\p{N}.-]+/u;

/** What cannot be seen: what turns the direction, joins, or is left out. Some of it counts as a mark or a letter. */
const UNSEEN = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;
/** What looks like a full stop (Unicode Technical Standard 39) and is no digit, and what browsers take for one. */
const DOT = /[。܁܂꘎ꓸ𐩐]/gu;

/** Words as somebody reads them who takes what looks like an address for one. */
const asRead = (words: string): string => words.normalize("NFKC").replace(UNSEEN, "").replace(DOT, ".");

/** What stands before the path of an address. */
const authorityIn = (word: string): string => word.replace(/^.*?:\/\//, "").split(/[/?#\\]/, 1)[0]!;

/** The host that a name is, in the form in which browsers ask for it, if it looks like one. */
function hostIn(name: string): string | undefined {
  const url = `https://${name}`;
  const host = URL.canParse(url) ? new URL(url).hostname.replace(/^www\.|\.$/g, "") : "";
  return /\.[a-z][\w-]+$/.test(host) || /^(\d+\.){3}\d+$/.test(name) ? host : undefined;
}
