import assert from "node:assert/strict";
import { test } from "node:test";
import { announcedDelay, fullJitter } from "../../src/backoff.js";
import { SeededRandom } from "../support/random.js";

test("full jitter is between 0 and a bound that doubles up to the cap", () => {
  const random = new SeededRandom(7);
  for (const [attempt, bound] of [[0, 500], [1, 1000], [2, 2000], [5, 16_000], [6, 30_000], [2000, 30_000]] as const) {
    const delays = Array.from({ length: 500 }, () => fullJitter(attempt, () => random.next()));
    assert.ok(delays.every((delay) => delay >= 0 && delay < bound), `attempt ${attempt}`);
    // Spread over the whole range, not gathered at its end.
    assert.ok(Math.min(...delays) < bound * 0.1 && Math.max(...delays) > bound * 0.9, `attempt ${attempt}`);
  }
});

test("a delay that the server announces is read from the reason", () => {
  assert.equal(announcedDelay("restarting: reconnect in 730 ms"), 730);
  assert.equal(announcedDelay("reconnect in 5ms"), 5);
  assert.equal(announcedDelay("bye"), undefined);
  assert.equal(announcedDelay("reconnect in 3 messages"), undefined);
  assert.equal(announcedDelay("reconnect in 99999999999 ms"), 600_000);
});
