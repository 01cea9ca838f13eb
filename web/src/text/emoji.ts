/** Whether a text is only a few emoji, which are then displayed larger. */

const MAX_EMOJI = 5;
/** Maximum length in UTF-16 units; one emoji may consist of many. */
const MAX_LENGTH = 100;
const EMOJI = /^(?:\p{Extended_Pictographic}|\p{Regional_Indicator}{2}|[0-9#*]\uFE0F?\u20E3)/u;
const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

export function isEmojiOnly(text: string): boolean {
  // The first character rules out most texts; segmenting is slow.
  if (text.length > MAX_LENGTH || !EMOJI.test(text)) return false;
  const signs = [...segmenter.segment(text)].map(({ segment }) => segment).filter((sign) => sign.trim() !== "");
  return signs.length > 0 && signs.length <= MAX_EMOJI && signs.every((sign) => EMOJI.test(sign));
}
