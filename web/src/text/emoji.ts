/** Whether a text is nothing but a few emoji, which are then shown larger. */

const MOST = 5;
/** An emoji may be made of many characters. */
const LONGEST = 100;
const EMOJI = /^(?:\p{Extended_Pictographic}|\p{Regional_Indicator}{2}|[0-9#*]\uFE0F?\u20E3)/u;
const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

export function isEmojiOnly(text: string): boolean {
  // Most texts are none by their first sign; taking one apart takes long.
  if (text.length > LONGEST || !EMOJI.test(text)) return false;
  const signs = [...segmenter.segment(text)].map(({ segment }) => segment).filter((sign) => sign.trim() !== "");
  return signs.length > 0 && signs.length <= MOST && signs.every((sign) => EMOJI.test(sign));
}
