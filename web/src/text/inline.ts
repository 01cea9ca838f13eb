/**
 * Reads the form of one paragraph: bold, italic, struck out, code, links, mentions. Looks at each character a bounded
 * number of times, whatever the text: it may come from somebody who wants it to take long.
 */

import { addressAt, LONGEST_ADDRESS, safeHref, targetAt } from "./links.js";
import type { MentionAt } from "./mentions.js";
import type { Inline, Left } from "./tree.js";

type Sign = "*" | "_" | "~" | "[";

/** A sign that waits for its counterpart. */
interface Opener {
  sign: Sign;
  size: number;
  /** Where it stands among the parts; it is text until its counterpart comes. */
  at: number;
}

/** Longer runs are lines that somebody drew. */
const LONGEST_RUN = 3;
const WORD = /[A-Za-z0-9_]/;
const PUNCTUATION = /[!-/:-@[-`{-~]/;
const isWord = (sign: string | undefined): boolean => sign !== undefined && WORD.test(sign);
const isSpace = (sign: string | undefined): boolean => sign === undefined || /\s/.test(sign);

export function parseInline(text: string, mentionAt: MentionAt, left: Left): Inline[] {
  return new Reader(text, mentionAt, left).read();
}

class Reader {
  readonly #parts: Inline[] = [];
  /** At most one of each sign and size, so that nothing nests without end. */
  #open: Opener[] = [];
  #at = 0;
  /** Where the plain text that is not among the parts yet begins. */
  #from = 0;
  /** No address begins before this: what looked like one is none, and looking again at every sign of it takes long. */
  #noAddress = 0;
  /** Of such runs of ticks no more come. */
  readonly #noTicks = new Set<number>();

  constructor(
    readonly text: string,
    readonly mentionAt: MentionAt,
    readonly left: Left,
  ) {}

  read(): Inline[] {
    while (this.#at < this.text.length && this.left.parts > 0) this.#step(this.text[this.#at]!);
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

  /** Puts the plain text so far among the parts. */
  #flush(): void {
    if (this.#from < this.#at) this.#parts.push({ kind: "text", text: this.text.slice(this.#from, this.#at) });
    this.#from = this.#at;
  }

  #push(part: Inline): void {
    // There is something to be found out about each link.
    if (part.kind !== "text") this.left.parts -= part.kind === "link" ? 2 : 1;
    this.#parts.push(part);
  }

  /** Takes the next `length` characters for `part`. */
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
    // A space on either side makes room for ticks within.
    const hasRoom = /^ .* $/s.test(inner) && inner.trim() !== "";
    const text = hasRoom ? inner.slice(1, -1) : inner;
    return this.#take(end + size - this.#at, { kind: "code", text });
  }

  /** Where the next run of exactly so many ticks begins. */
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
    if (length > LONGEST_RUN || (sign === "~" && length !== 2)) {
      return this.#take(length, { kind: "text", text: sign.repeat(length) });
    }
    const [before, after] = [this.text[this.#at - 1], this.text[this.#at + length]];
    const canClose = !isSpace(before) && !(sign === "_" && isWord(after));
    const canOpen = !isSpace(after) && !isWord(before);
    let left = length;
    while (left > 0) left -= this.#oneOf(sign, left, canClose, canOpen);
    return true;
  }

  /** Closes or opens with a part of a run, and says how long that was. */
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

  /** What has come since the opener, which stands among the parts no longer. Those opened in between stay text. */
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
    if (address.length > LONGEST_ADDRESS) return this.#take(address.length, words);
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

/** A link has no links in it. */
function withoutLinks(parts: readonly Inline[]): Inline[] {
  return parts.flatMap((part): Inline[] => {
    if (part.kind === "link") return withoutLinks(part.parts);
    return "parts" in part ? [{ ...part, parts: withoutLinks(part.parts) }] : [part];
  });
}
