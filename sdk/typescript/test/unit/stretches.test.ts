import assert from "node:assert/strict";
import { test } from "node:test";
import { Stretches } from "../../src/stretches.js";
import { chance } from "../support/random.js";

test("any stretches in any order hold what they hold, and meet where they touch", () => {
  const random = chance();
  for (let round = 0; round < 200; round += 1) {
    const stretches = new Stretches();
    const held = new Set<number>();
    for (let n = 0; n < 20; n += 1) {
      const from = random.between(0, 60);
      const to = from + random.between(0, 8);
      stretches.add(from, to);
      for (let number = from; number < to; number += 1) held.add(number);
      for (let number = 0; number < 70; number += 1) {
        const around = stretches.around(number);
        assert.equal(around !== undefined, held.has(number), `${number}`);
        if (around === undefined) continue;
        assert.ok(!held.has(around.from - 1) && !held.has(around.to), "it ends where nothing is known");
      }
    }
    assert.equal(stretches.last?.to, held.size === 0 ? undefined : Math.max(...held) + 1);
  }
});
