/** The tree of a parsed message: blocks, and inline parts. Data only. */

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

/** Number of parts that a message may still have; what follows stays text. */
export interface Budget {
  parts: number;
}

/** Returns the text of some parts, without formatting. */
export function wordsOf(parts: readonly Inline[]): string {
  return parts.map((part) => ("text" in part ? part.text : wordsOf(part.parts))).join("");
}

/** Returns a whole text in one line, for lists, quotes and screen readers. */
export function inOneLine(blocks: readonly Block[]): string {
  return blocks.map(lineOf).join(" ").replace(/\s+/g, " ").trim();
}

function lineOf(block: Block): string {
  if ("parts" in block) return wordsOf(block.parts);
  if ("text" in block) return block.text;
  return "items" in block ? block.items.map(inOneLine).join(" ") : inOneLine(block.blocks);
}
