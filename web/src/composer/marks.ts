/** Puts Markdown's marks around what is chosen, and takes them away again. Pure. */

export interface Change {
  /** What is replaced. */
  from: number;
  to: number;
  text: string;
  /** What is chosen afterwards. */
  start: number;
  end: number;
}

export function toggleMark(text: string, start: number, end: number, mark: string): Change {
  const chosen = text.slice(start, end);
  const width = mark.length;
  if (
    text.slice(start - width, start) === mark &&
    text.slice(end, end + width) === mark &&
    isWhole(text, start, end, mark)
  ) {
    return { from: start - width, to: end + width, text: chosen, start: start - width, end: end - width };
  }
  return { from: start, to: end, text: mark + chosen + mark, start: start + width, end: end + width };
}

/** Whether these are marks of this kind and no part of longer ones: `**` is no two of `*`. */
function isWhole(text: string, start: number, end: number, mark: string): boolean {
  const [sign] = mark;
  return text[start - mark.length - 1] !== sign && text[end + mark.length] !== sign;
}

/** Whether a text is an address and nothing else. Brackets would end the link that is made of it. */
export function isAddress(text: string): boolean {
  return /^https?:\/\/[^\s()<>]+$/i.test(text) && URL.canParse(text);
}

/** Makes a link to an address of what is chosen. */
export function linkTo(text: string, start: number, end: number, address: string): Change {
  const made = `[${text.slice(start, end)}](${address})`;
  return { from: start, to: end, text: made, start: start + made.length, end: start + made.length };
}

/** Makes a link of what is chosen, and chooses the place where its address goes. */
export function link(text: string, start: number, end: number): Change {
  const chosen = text.slice(start, end);
  const at = start + chosen.length + 3;
  return { from: start, to: end, text: `[${chosen}](https://)`, start: at, end: at + "https://".length };
}
