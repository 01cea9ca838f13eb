/** The emoji by group, and their search. Pure. */

export interface Emoji {
  emoji: string;
  label: string;
  /** The words of its label, and other words for it, in lower case. */
  words: string[];
}

/** Emoji of each group, in Unicode's order. */
export type EmojiGroups = Emoji[][];

/** Parses one line per emoji: the emoji, its name and other words, separated by tabs. */
export function parsed(lines: string): Emoji[] {
  return lines.split("\n").map((line) => {
    const [emoji = "", label = "", tags = ""] = line.split("\t");
    return {
      emoji,
      label,
      words: [...label.toLowerCase().split(/[^\p{L}\p{N}]+/u), ...tags.split(" ")].filter(Boolean),
    };
  });
}

/** Returns the emoji that match every word of the query, matches of the name first. */
export function findEmoji(groups: EmojiGroups, query: string): Emoji[] {
  const wanted = query
    .toLowerCase()
    .split(/[\s_-]+/)
    .filter(Boolean);
  if (wanted.length === 0) return [];
  return groups
    .flat()
    .map((emoji) => ({ emoji, rank: rankOf(emoji, wanted) }))
    .filter(({ rank }) => rank < Infinity)
    .sort((a, b) => a.rank - b.rank)
    .map(({ emoji }) => emoji);
}

/** Ranks a match, best first: 0 for the first word of the name, more for later words, most for mere prefixes. */
function rankOf({ words }: Emoji, wanted: readonly string[]): number {
  let rank = 0;
  for (const word of wanted) {
    const whole = words.indexOf(word);
    const begun = words.findIndex((other) => other.startsWith(word));
    if (begun < 0) return Infinity;
    rank += whole >= 0 ? Math.min(whole, 5) : 6 + Math.min(begun, 5);
  }
  return rank;
}
