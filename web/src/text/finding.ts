/**
 * Finds names by the beginning of any word, ignoring accents, case and Unicode form. The server finds users by the same
 * rule (`crates/chat-names/src/finding.rs`), and one table of cases tests both. Pure.
 */

/** Letters whose accents Unicode does not decompose. */
const BASE_LETTERS: Readonly<Record<string, string>> = { ς: "σ", ł: "l", ø: "o", đ: "d", æ: "ae", œ: "oe" };
/** Accents and format characters. */
const INVISIBLE = /[\p{M}\p{Cf}]/gu;
/**
 * Characters that keyboards and programs write for an apostrophe and a dash. Replaced before normalization, which turns
 * a spacing accent into a space.
 */
const APOSTROPHE = /[`´ʹ-ʼ‘-‛′＇]/g;
const DASH = /[‐-―−]/g;
const UNDECOMPOSED = /[ςłøđæœ]/g;
const LETTER = /[\p{L}\p{N}]/u;
/** Scripts without spaces between words: a word may begin at each character. */
const NO_SPACES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Khmer}\p{Script=Lao}\p{Script=Myanmar}\p{Script=Thai}]/u;

/** Normalizes a query. An empty one matches every name. */
export function normalizeQuery(query: string): string {
  return plain(query).trimStart();
}

/** Returns how well a name matches: 0 if it begins with `wanted`, 1 if another word does, `undefined` if none does. */
export function matchRank(name: string, wanted: string): 0 | 1 | undefined {
  const text = plain(name);
  if (text.startsWith(wanted)) return 0;
  let before = "";
  let at = 0;
  for (const c of text) {
    if (at > 0 && beginsAWord(before, c) && text.startsWith(wanted, at)) return 1;
    before = c;
    at += c.length;
  }
  return undefined;
}

/** Returns the items whose name matches, best first and otherwise in the given order. */
export function findByName<T>(all: readonly T[], query: string, nameOf: (one: T) => string): T[] {
  const wanted = normalizeQuery(query);
  const matches = all.map((one) => ({ one, rank: matchRank(nameOf(one), wanted) }));
  return [0, 1].flatMap((rank) => matches.filter((match) => match.rank === rank).map(({ one }) => one));
}

function plain(text: string): string {
  const bare = bareOf(text.replace(APOSTROPHE, "'").replace(DASH, "-"));
  const small = bareOf(bare.toUpperCase().toLowerCase()).replace(/\s+/g, " ");
  return small.replace(UNDECOMPOSED, (c) => BASE_LETTERS[c]!);
}

function bareOf(text: string): string {
  return text.normalize("NFKD").replace(INVISIBLE, "");
}

function beginsAWord(before: string, c: string): boolean {
  return LETTER.test(c) && (!LETTER.test(before) || NO_SPACES.test(before) || NO_SPACES.test(c));
}
