/**
 * How names are found by what somebody types: by the beginning of any word, whatever its accents, case and form. The server
 * finds users by the same rule (`crates/chat-names/src/finding.rs`), and one table of cases holds both to it. Pure.
 */

/** Letters of which no accent can be taken off. */
const LIKE: Readonly<Record<string, string>> = { ς: "σ", ł: "l", ø: "o", đ: "d", æ: "ae", œ: "oe" };
/** Accents, and signs for programs. */
const UNSEEN = /[\p{M}\p{Cf}]/gu;
/** What keyboards and programs write for an apostrophe and a dash; to be asked before the form is taken off, which makes a space of an accent that stands by itself. */
const APOSTROPHE = /[`´ʹ-ʼ‘-‛′＇]/g;
const DASH = /[‐-―−]/g;
const UNLIKE = /[ςłøđæœ]/g;
const LETTER = /[\p{L}\p{N}]/u;
/** Scripts that are written without spaces: a word may begin at each character. */
const NO_SPACES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Khmer}\p{Script=Lao}\p{Script=Myanmar}\p{Script=Thai}]/u;

/** What is looked for; an empty one finds everybody. */
export function wanted(query: string): string {
  return plain(query).trimStart();
}

/** How well a name fits what is wanted: 0 where it begins so, 1 where another word does, undefined where none does. */
export function fit(name: string, wanted: string): 0 | 1 | undefined {
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

/** Those with a name that fits, the best ones first, and otherwise in their order. */
export function finding<T>(all: readonly T[], query: string, nameOf: (one: T) => string): T[] {
  const sought = wanted(query);
  const fits = all.map((one) => ({ one, fit: fit(nameOf(one), sought) }));
  return [0, 1].flatMap((rank) => fits.filter((it) => it.fit === rank).map(({ one }) => one));
}

function plain(text: string): string {
  const bare = bareOf(text.replace(APOSTROPHE, "'").replace(DASH, "-"));
  const small = bareOf(bare.toUpperCase().toLowerCase()).replace(/\s+/g, " ");
  return small.replace(UNLIKE, (c) => LIKE[c]!);
}

function bareOf(text: string): string {
  return text.normalize("NFKD").replace(UNSEEN, "");
}

function beginsAWord(before: string, c: string): boolean {
  return LETTER.test(c) && (!LETTER.test(before) || NO_SPACES.test(before) || NO_SPACES.test(c));
}
