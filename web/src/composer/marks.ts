/** Adds and removes Markdown's marks around the selection. Pure. */

export interface Change {
  /** The range to replace. */
  from: number;
  to: number;
  text: string;
  /** The selection afterwards. */
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

/** Whether the marks around the selection are complete, and not part of longer ones: `**` is not two times `*`. */
function isWhole(text: string, start: number, end: number, mark: string): boolean {
  const [sign] = mark;
  return text[start - mark.length - 1] !== sign && text[end + mark.length] !== sign;
}

/** Whether a text is just an address. Brackets are refused, because they would end the link made of it. */
export function isAddress(text: string): boolean {
  return /^https?:\/\/[^\s()<>]+$/i.test(text) && URL.canParse(text);
}

/** Turns the selection into a link to an address. */
export function linkTo(text: string, start: number, end: number, address: string): Change {
  const made = `[${text.slice(start, end)}](${address})`;
  return { from: start, to: end, text: made, start: start + made.length, end: start + made.length };
}

/** Turns the selection into a link, and selects the place for its address. */
export function link(text: string, start: number, end: number): Change {
  const chosen = text.slice(start, end);
  const at = start + chosen.length + 3;
  return { from: start, to: end, text: `[${chosen}](https://)`, start: at, end: at + "https://".length };
}
