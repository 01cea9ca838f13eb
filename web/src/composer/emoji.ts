/** The emoji, by group, and how one finds them. Pure. */

export interface Emoji {
  emoji: string;
  label: string;
  /** Label and other words for it, in lower case. */
  words: string[];
}

/** Of each group, in the order in which Unicode has them. */
export type EmojiGroups = Emoji[][];

/** A line for each emoji: the emoji, its name and other words, with tabs between. */
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

/** Those that have a word for each word of the query; what is called so comes before what has to do with it. */
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

/** The smaller the better: the first word of the name, another word, then what merely begins so. */
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
