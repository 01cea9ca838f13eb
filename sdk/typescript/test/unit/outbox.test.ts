import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox, parseSaved } from "../../src/outbox.js";
import { turns } from "../support/fake_socket.js";

const op = (key: string) => ({ op: "send", to_user: 2, client_msg_id: key }) as const;
const fail = (error: unknown): void => assert.fail(String(error));

test("what was saved is loaded, and foreign text is ignored", async () => {
  const texts = new Map<string, string>();
  const storage = { get: (key: string) => texts.get(key), set: (key: string, value: string) => void texts.set(key, value) };
  const outbox = new Outbox(storage, "key", fail);
  assert.deepEqual(await outbox.load(), { user_id: 0, ops: [] });
  await outbox.save(() => ({ user_id: 7, ops: [op("a")] }));
  assert.deepEqual(await new Outbox(storage, "key", fail).load(), { user_id: 7, ops: [op("a")] });
  for (const text of [null, "", "{", "7", "null", "[]", '{"ops":{}}']) {
    assert.deepEqual(parseSaved(text), { user_id: 0, ops: [] });
  }
  assert.deepEqual(parseSaved('{"ops":[7,null,{"op":"send"}]}').ops, [], "an entry without a key could be sent twice");
});

test("versions are written one after another, and the last one wins", async () => {
  const written: string[] = [];
  const releases: (() => void)[] = [];
  const storage = {
    get: () => null,
    set: (_: string, value: string) =>
      new Promise<void>((resolve) => releases.push(() => (written.push(value), resolve()))),
  };
  const outbox = new Outbox(storage, "key", fail);
  let keys = ["a"];
  const current = () => ({ user_id: 1, ops: keys.map(op) });
  const saved = outbox.save(current);
  await turns();
  keys = ["a", "b"];
  void outbox.save(current);
  keys = ["b"];
  void outbox.save(current);
  assert.equal(releases.length, 1);
  releases[0]!();
  await turns();
  assert.equal(releases.length, 2);
  releases[1]!();
  await saved;
  assert.deepEqual(parseSaved(written.at(-1)).ops, [op("b")]);
});

test("a failing storage is reported, and the next version is written nevertheless", async () => {
  const errors: unknown[] = [];
  const written: string[] = [];
  let isFull = true;
  const set = (_: string, value: string): void => {
    if (isFull) throw new Error("full");
    written.push(value);
  };
  const outbox = new Outbox({ get: () => null, set }, "key", (error) => errors.push(error));
  await outbox.save(() => ({ user_id: 1, ops: [op("a")] }));
  assert.equal(errors.length, 1);
  isFull = false;
  await outbox.save(() => ({ user_id: 1, ops: [op("b")] }));
  assert.equal(written.length, 1);
});
