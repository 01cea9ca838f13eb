/** Times in words. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { areTogether } from "../../src/messages/rows.js";
import { clockTime, dayName, dayOf, shortTime } from "../../src/text/time.js";

const now = new Date(2026, 10, 23, 15, 0);
const ago = (days: number, hour = 9, minute = 5): string => new Date(2026, 10, 23 - days, hour, minute).toISOString();

test("days are named relative to today", () => {
  assert.equal(dayName(ago(0), now, "en"), "Today");
  assert.equal(dayName(ago(0, 0, 0), now, "en"), "Today");
  assert.equal(dayName(ago(1, 23, 59), now, "en"), "Yesterday");
  assert.equal(dayName(ago(3), now, "en"), "Friday");
  assert.equal(dayName(ago(7), now, "en-GB"), "Monday 16 November");
  assert.equal(dayName(ago(400), now, "en-GB"), "19 October 2025");
  assert.equal(dayName(ago(0), now, "de"), "Heute");
});

test("a clock that is slightly ahead does not turn today into tomorrow", () => {
  assert.equal(dayName(ago(0, 23), now, "en"), "Today");
  assert.equal(dayName(ago(-1), now, "en-GB"), "Tuesday 24 November");
});

test("short times", () => {
  assert.match(clockTime(ago(0), "en-GB"), /^0?9:05$/);
  assert.match(clockTime(ago(0), "en-US"), /^9:05\sAM$/);
  assert.equal(shortTime(ago(0), now, "en-GB"), clockTime(ago(0), "en-GB"));
  assert.equal(shortTime(ago(2), now, "en"), "Sat");
  assert.equal(shortTime(ago(20), now, "en-GB"), "3 Nov");
  assert.equal(shortTime(ago(400), now, "en-GB"), "19 Oct 2025");
});

test("a day begins at midnight, even when the clocks change", () => {
  assert.equal(new Date(dayOf(ago(0))).getHours(), 0);
  assert.equal(dayOf(ago(0, 0, 0)), dayOf(ago(0, 23, 59)));
});

test("messages of one sender within five minutes and one day form a group", () => {
  const message = (sender_id: number, timestamp: string) =>
    ({ sender_id, timestamp }) as Parameters<typeof areTogether>[0];
  assert.ok(areTogether(message(1, ago(0, 9, 5)), message(1, ago(0, 9, 10))));
  assert.ok(!areTogether(message(1, ago(0, 9, 5)), message(1, ago(0, 9, 11))));
  assert.ok(!areTogether(message(1, ago(0, 9, 5)), message(2, ago(0, 9, 5))));
  assert.ok(!areTogether(message(1, ago(1, 23, 59)), message(1, ago(0, 0, 0))));
  assert.ok(!areTogether(undefined, message(1, ago(0))));
});

test("the time today, then the weekday, then the date", () => {
  const now = new Date(2026, 5, 15, 12);
  const at = (...[month, day, year = 2026]: [number, number, number?]): string =>
    new Date(year, month, day, 9, 5).toISOString();
  assert.match(shortTime(at(5, 15), now), /9:05/);
  assert.doesNotMatch(shortTime(at(5, 14), now), /\d/);
  assert.match(shortTime(at(5, 1), now), /1/);
  assert.match(shortTime(at(5, 1, 2024), now), /2024/);
  // A clock that is slightly ahead must not turn a new message into a date.
  assert.match(shortTime(at(5, 16), now), /9:05/);
});
