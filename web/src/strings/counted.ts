/** A number with the singular or plural of what is counted. */

export const number = new Intl.NumberFormat("en");
const plural = new Intl.PluralRules("en");

export const counted = (count: number, one: string, many: string): string =>
  `${number.format(count)} ${plural.select(count) === "one" ? one : many}`;
