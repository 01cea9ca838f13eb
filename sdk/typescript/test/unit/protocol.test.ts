import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFrame } from "../../src/protocol.js";

test("a frame is a JSON object with a type, known or unknown", () => {
  assert.deepEqual(parseFrame('{"type":"live","cursor":"c"}'), { type: "live", cursor: "c" });
  assert.deepEqual(parseFrame('{"type":"new in v3"}'), { type: "new in v3" });
});

test("anything else is ignored", () => {
  const rubbish = ["", "{", "null", "7", '"live"', "[]", "{}", '{"type":7}', '{"op":"send"}', undefined, new ArrayBuffer(2)];
  for (const data of rubbish) assert.equal(parseFrame(data), undefined);
});
