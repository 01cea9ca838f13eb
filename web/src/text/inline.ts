/**
 * Parses the inline formatting of a paragraph: bold, italic, strikethrough, code, links, mentions. Visits each
 * character a bounded number of times, because the text may have been written to make parsing slow.
 */

import { addressAt, MAX_ADDRESS, safeHref, targetAt } from "./links.js";
import type { MentionAt } from "./mentions.js";
import type { Inline, Budget } from "./tree.js";

type Sign = "*" | "_" | "~" | "[";

/** An opening mark that waits for its closing one. */
interface Opener {
  sign: Sign;
  size: number;
  /** Its index among the parts. It is plain text until the closing mark is found. */
  at: number;
}

/** Longer runs are lines that somebody drew. */
const MAX_RUN = 3;
const WORD = /[A-Za-z0-9_]/;
const PUNCTUATION = /[!-/:-@[-`{-~]/;
const isWord = (sign: string | undefined): boolean => sign !== undefined && WORD.test(sign);
const isSpace = (sign: string | undefined): boolean => sign === undefined || /\s/.test(sign);

export function parseInline(text: string, mentionAt: MentionAt, budget: Budget): Inline[] {
  return new Reader(text, mentionAt, budget).read();
}

class Reader {
  readonly #parts: Inline[] = [];
  /** At most one of each sign and size, which bounds the nesting. */
  #open: Opener[] = [];
  #at = 0;
  /** Start of the plain text that is not among the parts yet. */
  #from = 0;
  /** No address begins before this index. Saves parsing a failed address again from each of its characters. */
  #noAddress = 0;
  /** Lengths of backtick runs that don't occur any more. */
  readonly #noTicks = new Set<number>();

  constructor(
    readonly text: string,
    readonly mentionAt: MentionAt,
    readonly budget: Budget,
  ) {}

  read(): Inline[] {
    while (this.#at < this.text.length && this.budget.parts > 0) this.#step(this.text[this.#at]!);
    this.#at = this.text.length;
    this.#flush();
    return joined(this.#parts);
  }

  #step(sign: string): void {
    const isRead =
      sign === "\\"
        ? this.#escape()
        : sign === "`"
          ? this.#code()
          : "*_~".includes(sign)
            ? this.#run(sign as "*" | "_" | "~")
            : sign === "["
              ? this.#opens("[", 1)
              : sign === "]"
                ? this.#link()
                : sign === "@"
                  ? this.#mention()
                  : /h/i.test(sign) && this.#address();
    if (!isRead) this.#at += 1;
  }

  /** Moves the plain text so far to the parts. */
  #flush(): void {
    if (this.#from < this.#at) this.#parts.push({ kind: "text", text: this.text.slice(this.#from, this.#at) });
    this.#from = this.#at;
  }

  #push(part: Inline): void {
    // A link counts twice, because its destination has to be examined.
    if (part.kind !== "text") this.budget.parts -= part.kind === "link" ? 2 : 1;
    this.#parts.push(part);
  }

  /** Replaces the next `length` characters by `part`. */
  #take(length: number, part: Inline): true {
    this.#flush();
    this.#push(part);
    this.#at += length;
    this.#from = this.#at;
    return true;
  }

  #escape(): boolean {
    const next = this.text[this.#at + 1];
    if (next === undefined || !PUNCTUATION.test(next)) return false;
    return this.#take(2, { kind: "text", text: next });
  }

  #code(): boolean {
    const size = this.#runLength("`");
    const from = this.#at + size;
    const end = this.#nextTicks(size, from);
    if (end === undefined) return this.#take(size, { kind: "text", text: "`".repeat(size) });
    const inner = this.text.slice(from, end);
    // A space on either side separates backticks within; it is not part of the code.
    const hasRoom = /^ .* $/s.test(inner) && inner.trim() !== "";
    const text = hasRoom ? inner.slice(1, -1) : inner;
    return this.#take(end + size - this.#at, { kind: "code", text });
  }

  /** Returns the index of the next run of exactly `size` backticks. */
  #nextTicks(size: number, from: number): number | undefined {
    if (this.#noTicks.has(size)) return undefined;
    for (let at = from; (at = this.text.indexOf("`", at)) >= 0; at += this.#runLength("`", at)) {
      if (this.#runLength("`", at) === size) return at;
    }
    this.#noTicks.add(size);
    return undefined;
  }

  #runLength(sign: string, at = this.#at): number {
    let length = 1;
    while (this.text[at + length] === sign) length += 1;
    return length;
  }

  #run(sign: "*" | "_" | "~"): boolean {
    const length = this.#runLength(sign);
    if (length > MAX_RUN || (sign === "~" && length !== 2)) {
      return this.#take(length, { kind: "text", text: sign.repeat(length) });
    }
    const [before, after] = [this.text[this.#at - 1], this.text[this.#at + length]];
    const canClose = !isSpace(before) && !(sign === "_" && isWord(after));
    const canOpen = !isSpace(after) && !isWord(before);
    let left = length;
    while (left > 0) left -= this.#oneOf(sign, left, canClose, canOpen);
    return true;
  }

  /** Closes or opens with a part of a run, and returns that part's length. */
  #oneOf(sign: Sign, left: number, canClose: boolean, canOpen: boolean): number {
    const opener = canClose && this.#open.findLast((open) => open.sign === sign && open.size <= left);
    if (opener) {
      const kind = sign === "~" ? "strike" : opener.size === 2 ? "bold" : "italic";
      const inner = this.#close(opener);
      this.#push(inner.length === 0 ? { kind: "text", text: sign.repeat(2 * opener.size) } : { kind, parts: inner });
      this.#skip(opener.size);
      return opener.size;
    }
    const size = Math.min(left, 2);
    if (canOpen) this.#opens(sign, size);
    else this.#take(size, { kind: "text", text: sign.repeat(size) });
    return size;
  }

  #opens(sign: Sign, size: number): true {
    this.#flush();
    this.#open = this.#open.filter((open) => open.sign !== sign || open.size !== size);
    this.#open.push({ sign, size, at: this.#parts.length });
    return this.#take(size, { kind: "text", text: sign.repeat(size) });
  }

  /** Removes an opener and returns the parts since then. Openers in between stay plain text. */
  #close(opener: Opener): Inline[] {
    this.#flush();
    this.#open = this.#open.filter((open) => open.at < opener.at);
    const [, ...inner] = this.#parts.splice(opener.at);
    return joined(inner);
  }

  #skip(length: number): void {
    this.#at += length;
    this.#from = this.#at;
  }

  #link(): boolean {
    const opener = this.#open.find((open) => open.sign === "[");
    const target = opener && targetAt(this.text, this.#at + 1);
    const href = target && safeHref(target.address);
    if (opener === undefined || target === undefined || href === undefined) return false;
    const parts = joined(withoutLinks(this.#close(opener)));
    const isBare = parts.length === 0;
    this.#push({ kind: "link", href, parts: isBare ? [{ kind: "text", text: target.address }] : parts, isBare });
    this.#skip(1 + target.length);
    return true;
  }

  #address(): boolean {
    if (this.#at < this.#noAddress || isWord(this.text[this.#at - 1])) return false;
    const address = addressAt(this.text, this.#at);
    if (!address) return false;
    const words: Inline = { kind: "text", text: address };
    if (address.length > MAX_ADDRESS) return this.#take(address.length, words);
    const href = safeHref(address);
    if (href === undefined) {
      this.#noAddress = this.#at + address.length;
      return false;
    }
    return this.#take(address.length, { kind: "link", href, parts: [words], isBare: true });
  }

  #mention(): boolean {
    if (isWord(this.text[this.#at - 1])) return false;
    const found = this.mentionAt(this.text, this.#at);
    if (found === undefined) return false;
    const text = this.text.slice(this.#at, this.#at + found.length);
    return this.#take(found.length, { kind: "mention", user: found.user, text });
  }
}

function joined(parts: readonly Inline[]): Inline[] {
  const all: Inline[] = [];
  for (const part of parts) {
    const last = all.at(-1);
    if (part.kind === "text" && last?.kind === "text") last.text += part.text;
    else all.push({ ...part });
  }
  return all;
}

/** Unwraps nested links: a link contains no links. */
function withoutLinks(parts: readonly Inline[]): Inline[] {
  return parts.flatMap((part): Inline[] => {
    if (part.kind === "link") return withoutLinks(part.parts);
    return "parts" in part ? [{ ...part, parts: withoutLinks(part.parts) }] : [part];
  });
}
