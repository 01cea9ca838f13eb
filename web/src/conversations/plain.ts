/** Converts Markdown to one line of plain text, for previews, titles and notifications. Pure. */

/** Longer than any line that is displayed, in UTF-16 units. */
const MAX_LENGTH = 240;

const RULES: readonly (readonly [RegExp, string])[] = [
  [/^\s*(?:`{3,}|~{3,})[^\n]*$/gm, ""],
  [/^\s{0,3}(?:#{1,6}|>+|[-*+]|\d+[.)])\s+/gm, ""],
  [/!?\[([^\]]*)\]\([^)]*\)/g, "$1"],
  [/(\*\*\*|\*\*|\*|~~|\|\||`+)(?=\S)([^\n]*?\S)\1/g, "$2"],
  [/(^|[^\p{L}\p{N}_])(__|_)(?=\S)([^\n]*?\S)\2(?![\p{L}\p{N}_])/gu, "$1$3"],
  [/\s+/g, " "],
];

export function plain(markdown: string): string {
  // The second round unwraps nested marks.
  let text = hideEscaped(markdown.slice(0, 2 * MAX_LENGTH));
  for (const [pattern, replacement] of [...RULES, ...RULES]) text = text.replace(pattern, replacement);
  return restoreEscaped(text).trim().slice(0, MAX_LENGTH);
}

/** Start of Unicode's private use area, where escaped characters are hidden from the rules. */
const PRIVATE = 0xe000;

function hideEscaped(text: string): string {
  return text.replace(/\\([!-/:-@[-`{-~])/g, (_, sign: string) => String.fromCharCode(PRIVATE + sign.charCodeAt(0)));
}

function restoreEscaped(text: string): string {
  return text.replace(/[\ue021-\ue07e]/g, (sign) => String.fromCharCode(sign.charCodeAt(0) - PRIVATE));
}
