/** Formats times and days for people, in the browser's language. Pure: the present time is passed in. */

/** Language of the text; the browser's by default. */
export type Locale = string | undefined;

const DAY_MS = 86_400_000;
const WEEK = 7;

const formats = new Map<string, Intl.DateTimeFormat>();

/** Returns a cached formatter, because creating one is slow. */
function format(locale: Locale, name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale} ${name}`;
  const have = formats.get(key) ?? new Intl.DateTimeFormat(locale, options);
  formats.set(key, have);
  return have;
}

/** Returns the start of a time's day in the browser's time zone, in milliseconds. */
export function dayOf(time: string | Date): number {
  const date = new Date(time);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** `14:05`. */
export function clockTime(time: string, locale?: Locale): string {
  return format(locale, "clock", { hour: "numeric", minute: "2-digit" }).format(new Date(time));
}

/** `Today`, `Yesterday`, the weekday within a week, or else the date. */
export function dayName(time: string, now: Date, locale?: Locale): string {
  const date = new Date(time);
  // Rounded, because a day on which the clocks change has 23 or 25 hours.
  const ago = Math.round((dayOf(now) - dayOf(date)) / DAY_MS);
  if (ago === 0 || ago === 1)
    return capital(new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(-ago, "day"));
  if (ago > 0 && ago < WEEK) return capital(format(locale, "weekday", { weekday: "long" }).format(date));
  if (date.getFullYear() === now.getFullYear()) {
    return format(locale, "day", { weekday: "long", day: "numeric", month: "long" }).format(date);
  }
  return format(locale, "year", { day: "numeric", month: "long", year: "numeric" }).format(date);
}

/** For lists: the time today, the weekday within a week, or else a short date. */
export function shortTime(time: string, now: Date, locale?: Locale): string {
  const date = new Date(time);
  const ago = Math.round((dayOf(now) - dayOf(date)) / DAY_MS);
  // A server's clock that is slightly ahead must not turn new messages into dates.
  if (ago <= 0) return clockTime(time, locale);
  if (ago < WEEK) return format(locale, "short weekday", { weekday: "short" }).format(date);
  if (date.getFullYear() === now.getFullYear()) {
    return format(locale, "short day", { day: "numeric", month: "short" }).format(date);
  }
  return format(locale, "short year", { day: "numeric", month: "short", year: "numeric" }).format(date);
}

/** Day and time, to the minute. */
export function fullTime(time: string, locale?: Locale): string {
  return format(locale, "full", { dateStyle: "full", timeStyle: "short" }).format(new Date(time));
}

/** Time since then, in the largest unit that fits. */
export function ago(time: string, now: Date, locale?: Locale): string {
  const minutes = Math.round((Date.parse(time) - now.getTime()) / 60_000);
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  if (minutes > -60) return relative.format(Math.min(0, minutes), "minute");
  if (minutes > -24 * 60) return relative.format(Math.round(minutes / 60), "hour");
  return relative.format(Math.round(minutes / 60 / 24), "day");
}

function capital(words: string): string {
  const [first = "", ...rest] = words;
  return first.toLocaleUpperCase() + rest.join("");
}
