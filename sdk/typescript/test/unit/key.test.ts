import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { newKey } from "../../src/key.js";

/** Sets the clock to a time in milliseconds until the test ends. */
function setClock(context: TestContext, ms: number): void {
  context.mock.method(Date, "now", () => ms);
}

/** Returns the time in a key, in milliseconds. */
const timeOf = (key: string) => parseInt(key.slice(0, 8) + key.slice(9, 13), 16);

const keys = (count: number) => Array.from({ length: count }, newKey);

/** Checks that the keys differ and are in order. */
function checkOrder(all: string[]): void {
  assert.deepEqual(all, [...new Set(all)].sort());
}

test("a key is a UUID of version 7 with the time of the clock", (context) => {
  // The example of RFC 9562, appendix A.6, moved to the future: keys of this process never go back.
  setClock(context, 0x117f22e279b0);
  for (const key of keys(1000)) assert.match(key, /^117f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("the variant is followed by 62 random bits", () => {
  const tails = keys(2000).map((key) => BigInt(`0x${key.slice(19).replace("-", "")}`));
  assert.equal(new Set(tails).size, tails.length);
  assert.ok(tails.every((tail) => tail >> 62n === 2n));
  // 2000 fair bits are this uneven once in 10^11 runs.
  for (let bit = 0n; bit < 62n; bit += 1n) {
    const ones = tails.filter((tail) => (tail >> bit) & 1n).length;
    assert.ok(ones > 850 && ones < 1150, `bit ${bit}: ${ones} ones`);
  }
});

test("keys of one millisecond are in order, also when they are more than the counter holds", (context) => {
  setClock(context, 0x127f22e279b0);
  const all = keys(10_000);
  checkOrder(all);
  assert.equal(timeOf(all[0]!), 0x127f22e279b0);
  assert.equal(timeOf(all[4095]!), 0x127f22e279b0);
  assert.equal(timeOf(all[9999]!), 0x127f22e279b2, "the time runs ahead");
});

test("keys stay in order when the clock is set back, and follow it when it has caught up", (context) => {
  setClock(context, 0x137f22e279b0);
  const all = keys(3);
  for (const ms of [0x137f22e279af, 0, -5, 0x137f22e279b0]) {
    setClock(context, ms);
    all.push(...keys(3));
  }
  setClock(context, 0x137f22e279b1);
  all.push(newKey());
  checkOrder(all);
  assert.deepEqual([...new Set(all.map(timeOf))], [0x137f22e279b0, 0x137f22e279b1]);
});
