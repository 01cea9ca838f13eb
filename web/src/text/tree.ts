/** What a message's text is made of, once it is read: blocks of lines, and parts within a line. Data only. */

export type Inline =
  | { kind: "text"; text: string }
  | { kind: "bold"; parts: Inline[] }
  | { kind: "italic"; parts: Inline[] }
  | { kind: "strike"; parts: Inline[] }
  | { kind: "code"; text: string }
  | { kind: "link"; href: string; parts: Inline[]; isBare: boolean }
  | { kind: "mention"; user: number | "all"; text: string };

export type Block =
  | { kind: "paragraph"; parts: Inline[] }
  | { kind: "heading"; parts: Inline[] }
  | { kind: "quote"; blocks: Block[] }
  | { kind: "code"; language: string; text: string }
  | { kind: "list"; start: number | undefined; items: Block[][] };

/** How many parts of a message may still be more than text. */
export interface Left {
  parts: number;
}

/** The words of some parts, without their form. */
export function wordsOf(parts: readonly Inline[]): string {
  return parts.map((part) => ("text" in part ? part.text : wordsOf(part.parts))).join("");
}

/** The words of a whole text in one line, for lists, quotes and those who listen. */
export function inOneLine(blocks: readonly Block[]): string {
  return blocks.map(lineOf).join(" ").replace(/\s+/g, " ").trim();
}

function lineOf(block: Block): string {
  if ("parts" in block) return wordsOf(block.parts);
  if ("text" in block) return block.text;
  return "items" in block ? block.items.map(inOneLine).join(" ") : inOneLine(block.blocks);
}
