/** What is left of a Markdown text in one line of plain text. Pure; for previews, titles and notifications. */

/** More than any line shows. */
const LONGEST = 240;

const RULES: readonly (readonly [RegExp, string])[] = [
  [/^\s*(?:`{3,}|~{3,})[^\n]*$/gm, ""],
  [/^\s{0,3}(?:#{1,6}|>+|[-*+]|\d+[.)])\s+/gm, ""],
  [/!?\[([^\]]*)\]\([^)]*\)/g, "$1"],
  [/(\*\*\*|\*\*|\*|~~|\|\||`+)(?=\S)([^\n]*?\S)\1/g, "$2"],
  [/(^|[^\p{L}\p{N}_])(__|_)(?=\S)([^\n]*?\S)\2(?![\p{L}\p{N}_])/gu, "$1$3"],
  [/\s+/g, " "],
];

export function plain(markdown: string): string {
  // What is nested is unwrapped by the second round.
  let text = hidden(markdown.slice(0, 2 * LONGEST));
  for (const [pattern, replacement] of [...RULES, ...RULES]) text = text.replace(pattern, replacement);
  return shown(text).trim().slice(0, LONGEST);
}

/** Where Unicode has no characters of its own: what was escaped stands there, out of reach of the rules. */
const ASIDE = 0xe000;

function hidden(text: string): string {
  return text.replace(/\\([!-/:-@[-`{-~])/g, (_, sign: string) => String.fromCharCode(ASIDE + sign.charCodeAt(0)));
}

function shown(text: string): string {
  return text.replace(/[\ue021-\ue07e]/g, (sign) => String.fromCharCode(sign.charCodeAt(0) - ASIDE));
}
