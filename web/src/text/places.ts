/** Where links lead whose words would have one think of another place. Pure; loaded later, as are blocks of code. */

/** Where a link leads, where its words look like another place. To be shown beside them. */
export function otherPlace(words: string, href: string): string | undefined {
  const { protocol, pathname, host, hostname } = new URL(href);
  const isMail = protocol === "mailto:";
  const own = hostIn(isMail ? pathname.split("@").at(-1)! : hostname) ?? hostname;
  const isOwn = (name: string): boolean => (hostIn(name) ?? own) === own;
  return words.split(/\s+/).every((word) => authorityIn(word).split(NO_NAME).every(isOwn))
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

/** What no name has in it. Signs that cannot be seen may be in one. */
const NO_NAME = /[^\p{L}\p{M}\p{N}\p{Cf}.。．-]+/u;

/** What stands before the path of an address. */
const authorityIn = (word: string): string => word.replace(/^.*?:\/\//, "").split(/[/?#\\]/, 1)[0]!;

/** The host that a name is, in the form in which browsers ask for it, if it looks like one. */
function hostIn(name: string): string | undefined {
  const url = `https://${name}`;
  const host = URL.canParse(url) ? new URL(url).hostname.replace(/^www\.|\.$/g, "") : "";
  return /\.[a-z][\w-]+$/.test(host) || /^(\d+\.){3}\d+$/.test(name) ? host : undefined;
}
