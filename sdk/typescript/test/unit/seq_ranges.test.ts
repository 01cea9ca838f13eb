import assert from "node:assert/strict";
import { test } from "node:test";
import { SeqRanges } from "../../src/seq-ranges.js";
import { seededRandom } from "../support/random.js";

test("ranges added in any order contain what was added, and merge where they touch", () => {
  const random = seededRandom();
  for (let round = 0; round < 200; round += 1) {
    const ranges = new SeqRanges();
    const held = new Set<number>();
    for (let n = 0; n < 20; n += 1) {
      const from = random.between(0, 60);
      const to = from + random.between(0, 8);
      ranges.add(from, to);
      for (let number = from; number < to; number += 1) held.add(number);
      for (let number = 0; number < 70; number += 1) {
        const around = ranges.around(number);
        assert.equal(around !== undefined, held.has(number), `${number}`);
        if (around === undefined) continue;
        assert.ok(!held.has(around.from - 1) && !held.has(around.to), "it ends where nothing was added");
      }
    }
    assert.equal(ranges.last?.to, held.size === 0 ? undefined : Math.max(...held) + 1);
  }
});
