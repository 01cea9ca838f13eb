/** When something happened, as short as a list wants it: the time today, the day before. Pure but for the locale. */

const DAY_MS = 86_400_000;

const time = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const date = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "2-digit", day: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

export function shortly(timestamp: string, now = new Date()): string {
  const at = new Date(timestamp);
  const days = Math.round((startOf(now) - startOf(at)) / DAY_MS);
  if (days <= 0) return time.format(at);
  if (days < 7) return weekday.format(at);
  return at.getFullYear() === now.getFullYear() ? day.format(at) : date.format(at);
}

export function exactly(timestamp: string): string {
  return full.format(new Date(timestamp));
}

/** How long ago, in the largest unit that fits. */
export function ago(timestamp: string, now = Date.now()): string {
  const minutes = Math.round((Date.parse(timestamp) - now) / 60_000);
  if (minutes > -60) return relative.format(Math.min(0, minutes), "minute");
  if (minutes > -24 * 60) return relative.format(Math.round(minutes / 60), "hour");
  return relative.format(Math.round(minutes / 60 / 24), "day");
}

function startOf(at: Date): number {
  return new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
}
