/**
 * Parses a message's text into a tree: a small subset of Markdown, as people write it in chats. Unknown syntax stays
 * text, and so does everything after a large number of parts. Takes time proportional to the text's length.
 */

import { parseInline } from "./inline.js";
import { noMentions, type MentionAt } from "./mentions.js";
import type { Block, Inline, Budget } from "./tree.js";

/** Maximum nesting of quotes and lists; deeper ones stay text. */
const MAX_DEPTH = 4;
/** Maximum number of parts in a message, links count twice; the rest stays text. Bounds the time to render it. */
const MAX_PARTS = 200;
const FENCE = /^ {0,3}(`{3,})([^`]*)$/;
const HEADING = /^#{1,6} +(\S.*)$/;
const QUOTE = /^> ?/;
const BULLET = /^[-*+•] +(?=\S)/;
const NUMBER = /^(\d{1,3})[.)] +(?=\S)/;
const INDENT = /^(?: {2,4}|\t)/;

export function parse(text: string, mentionAt: MentionAt = noMentions): Block[] {
  return new Reader(text.split(/\r\n|\r|\n/), mentionAt, 0, { parts: MAX_PARTS }).read();
}

class Reader {
  readonly #blocks: Block[] = [];
  #paragraph: string[] = [];
  #at = 0;

  constructor(
    readonly lines: readonly string[],
    readonly mentionAt: MentionAt,
    readonly depth: number,
    readonly budget: Budget,
  ) {}

  read(): Block[] {
    while (this.#at < this.lines.length && this.budget.parts > 0) {
      const line = this.lines[this.#at]!;
      if (line.trim() === "") this.#end();
      else if (!this.#fence(line) && !this.#heading(line) && !this.#quote(line) && !this.#list(line)) {
        this.#paragraph.push(line);
      } else continue;
      this.#at += 1;
    }
    this.#paragraph.push(...this.lines.slice(this.#at));
    this.#end();
    return this.#blocks;
  }

  /** Ends the current paragraph. */
  #end(): void {
    if (this.#paragraph.length === 0) return;
    const parts = this.#inline(this.#paragraph.join("\n"));
    this.#paragraph = [];
    this.#blocks.push({ kind: "paragraph", parts });
  }

  #inline(text: string): Inline[] {
    this.budget.parts -= 1;
    return parseInline(text, this.mentionAt, this.budget);
  }

  #add(block: Block): true {
    this.#end();
    this.#blocks.push(block);
    return true;
  }

  /** Takes the following lines that satisfy `isIn`. */
  #while(isIn: (line: string) => boolean): string[] {
    const from = this.#at;
    while (this.#at < this.lines.length && isIn(this.lines[this.#at]!)) this.#at += 1;
    return this.lines.slice(from, this.#at);
  }

  #within(lines: readonly string[]): Block[] {
    this.budget.parts -= 1;
    return new Reader(lines, this.mentionAt, this.depth + 1, this.budget).read();
  }

  #fence(line: string): boolean {
    const [, ticks, info] = FENCE.exec(line) ?? [];
    if (ticks === undefined) return false;
    this.#at += 1;
    const isEnd = (end: string): boolean => end.trim().length >= ticks.length && /^ {0,3}`+\s*$/.test(end);
    // An unclosed block extends to the end, because its text may still be growing.
    const lines = this.#while((inner) => !isEnd(inner));
    this.#at += 1;
    // A block of code takes many elements.
    this.budget.parts -= 10;
    return this.#add({ kind: "code", language: info?.trim() ?? "", text: lines.join("\n") });
  }

  #heading(line: string): boolean {
    const [, words] = HEADING.exec(line) ?? [];
    if (words === undefined) return false;
    this.#at += 1;
    return this.#add({ kind: "heading", parts: this.#inline(words) });
  }

  #quote(line: string): boolean {
    if (this.depth >= MAX_DEPTH || !QUOTE.test(line)) return false;
    const lines = this.#while((inner) => QUOTE.test(inner)).map((inner) => inner.replace(QUOTE, ""));
    return this.#add({ kind: "quote", blocks: this.#within(lines) });
  }

  #list(line: string): boolean {
    const mark = BULLET.test(line) ? BULLET : NUMBER.test(line) ? NUMBER : undefined;
    if (mark === undefined || this.depth >= MAX_DEPTH) return false;
    const number = NUMBER.exec(line)?.[1];
    const items: Block[][] = [];
    while (this.budget.parts > 0 && this.#at < this.lines.length && mark.test(this.lines[this.#at]!)) {
      const first = this.lines[this.#at]!.replace(mark, "");
      this.#at += 1;
      const rest = this.#while((inner) => INDENT.test(inner)).map((inner) => inner.replace(INDENT, ""));
      items.push(this.#within([first, ...rest]));
    }
    return this.#add({ kind: "list", start: number === undefined ? undefined : Number(number), items });
  }
}
