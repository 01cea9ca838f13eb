/**
 * Parses what a user types to search messages: words, `"a phrase"`, `begin*`, and filters:
 * `from:tom`, `after:2025-10-01`, `before:2025-11-01`, `has:media`. Pure.
 */

export interface Query {
  /** The query for the server. */
  q: string;
  /** Name of the sender. */
  from?: string;
  since?: string;
  until?: string;
  hasMedia?: boolean;
  /** Words to highlight in the results. */
  marks: Mark[];
}

export interface Mark {
  /** Without accents, in lower case. */
  word: string;
  /** Whether it matches the beginning of a word. */
  isPrefix: boolean;
}

const PART = /(from|after|before|has):("[^"]*"|\S*)|"[^"]*"?|\S+/giu;
const DAY = /^(\d{4})-(\d{1,2})-(\d{1,2})$/;
const WORDS = /[\p{L}\p{N}\p{M}]+/gu;
const HAS_MEDIA = ["media", "attachment", "file", "image", "link", "video", "audio"];

export function parseQuery(typed: string): Query {
  // Phones replace straight quotes by curly ones.
  const text = typed.replace(/[“”„«»]/g, '"');
  const query: Query = { q: "", marks: [] };
  const words: string[] = [];
  for (const part of text.matchAll(PART)) {
    const [whole, name, value = ""] = part;
    const isLast = part.index + whole.length === text.length;
    if (name === undefined) words.push(whole);
    else filter(query, name.toLowerCase(), value.replace(/"/g, ""), isLast);
  }
  // The word that is being typed may be the beginning of a longer one.
  if (!/\s$/.test(text)) words.push(...words.splice(-1).map(begun));
  query.q = words.join(" ");
  query.marks = words.flatMap(marksOf);
  return query;
}

/** Whether a query restricts the result enough to be searched. */
export function isSearchable({ q, from, hasMedia, since, until }: Query, isHere: boolean): boolean {
  if (new RegExp(WORDS).test(q) || from !== undefined || hasMedia !== undefined) return true;
  return isHere && (since !== undefined || until !== undefined);
}

/** Adds a filter to the search text, or removes it. */
export function toggleFilter(text: string, filter: string): string {
  const without = text.replace(new RegExp(`(?<!\\S)${filter}("[^"]*"|\\S*)`, "giu"), "");
  const tidied = without.trim().replace(/\s+/g, " ");
  return without !== text ? tidied : `${tidied} ${filter}`.trimStart();
}

function begun(word: string): string {
  return /[\p{L}\p{N}]$/u.test(word) && !word.startsWith('"') ? `${word}*` : word;
}

function filter(query: Query, name: string, value: string, isLast: boolean): void {
  const day = DAY.exec(value);
  const startOf = ([, year, month, date]: RegExpExecArray): string =>
    new Date(Number(year), Number(month) - 1, Number(date)).toISOString();
  // A name or a day that is still being typed does not filter yet.
  if (name === "from" && value !== "" && !(isLast && value.length < 3)) query.from = value.replace(/^@/, "");
  if (name === "has" && HAS_MEDIA.includes(value.toLowerCase())) query.hasMedia = true;
  if (name === "after" && day !== null) query.since = startOf(day);
  if (name === "before" && day !== null) query.until = startOf(day);
}

function marksOf(part: string): Mark[] {
  const isPrefix = part.endsWith("*");
  return [...part.matchAll(WORDS)].map(([word]) => ({ word: folded(word), isPrefix }));
}

/** Normalizes a word for comparison: without accents, in lower case. */
export function folded(word: string): string {
  return word.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

export interface Piece {
  text: string;
  isMarked: boolean;
}

/** Characters kept before the first hit, when a long text is cut. */
const BEFORE = 60;
const LENGTH = 280;

/** Splits a text into highlighted and other pieces, cut around the first hit. */
export function piecesOf(text: string, marks: readonly Mark[]): Piece[] {
  const hits = [...text.matchAll(WORDS)].filter(([word]) => isHit(folded(word), marks));
  const from = startOfCut(text, hits[0]?.index ?? 0);
  const to = Math.min(text.length, from + LENGTH);
  const pieces: Piece[] = [];
  let at = from;
  const add = (end: number, isMarked: boolean): void => {
    if (end > at) pieces.push({ text: text.slice(at, end), isMarked });
    at = Math.max(at, end);
  };
  for (const { index, 0: word } of hits) {
    if (index < from || index + word.length > to) continue;
    add(index, false);
    add(index + word.length, true);
  }
  add(to, false);
  if (from > 0) pieces.unshift({ text: "…", isMarked: false });
  if (to < text.length) pieces.push({ text: "…", isMarked: false });
  return pieces;
}

function isHit(word: string, marks: readonly Mark[]): boolean {
  return marks.some((mark) => (mark.isPrefix ? word.startsWith(mark.word) : word === mark.word));
}

function startOfCut(text: string, hit: number): number {
  if (hit <= BEFORE) return 0;
  const space = text.indexOf(" ", hit - BEFORE);
  return space >= 0 && space < hit ? space + 1 : hit;
}
