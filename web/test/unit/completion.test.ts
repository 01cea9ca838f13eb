/** Suggestions while typing, and the mentions in a text. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { mentionOptions, triggerAt } from "../../src/composer/completion.js";
import { mentionsIn, type Member } from "../../src/composer/naming.js";
import { findEmoji, parsed } from "../../src/composer/emoji.js";

const members: Member[] = ["jerry", "tom", "Tom Cat", "anna-lena", "مريم"].map((username, at) => ({
  id: at + 1,
  username,
}));
const ALL = "Everyone";
const at = (text: string) => triggerAt(text, text.length);
const names = (query: string) => mentionOptions(query, members, ALL).map(({ label }) => label);

test("a sign at the beginning of a word asks for suggestions", () => {
  assert.deepEqual(at("@je"), { kind: "mention", query: "je", from: 0, to: 3 });
  assert.deepEqual(at("hello (@"), { kind: "mention", query: "", from: 7, to: 8 });
  assert.deepEqual(at("well :smi"), { kind: "emoji", query: "smi", from: 5, to: 9 });
  assert.deepEqual(triggerAt("@je and more", 3), { kind: "mention", query: "je", from: 0, to: 3 });
  assert.deepEqual(at("@مر")?.query, "مر");
});

test("other words do not", () => {
  for (const text of ["", "tom@example.com", "@tom ", "at 10:30", ":s", "http://x", "a:smile", "@@tom"]) {
    assert.equal(at(text), undefined, text);
  }
});

test("names that begin with the query come first, then those with another word that does", () => {
  assert.deepEqual(names("to"), ["tom", "Tom Cat"]);
  assert.deepEqual(names("C"), ["Tom Cat"]);
  assert.deepEqual(names("lena"), ["anna-lena"]);
  assert.deepEqual(names("a"), ["anna-lena", ALL]);
  assert.deepEqual(names("x"), []);
  const zoe = [{ id: 9, username: "Zoë" }];
  assert.deepEqual(
    mentionOptions("zoe", zoe, ALL).map(({ user }) => user),
    [9],
  );
  assert.deepEqual(mentionOptions("", [], ALL), [], "nobody to mention");
});

test("the list of suggestions is bounded", () => {
  const many = Array.from({ length: 500 }, (_, id) => ({ id: id + 1, username: `user${id}` }));
  assert.equal(mentionOptions("user", many, ALL).length, 8);
  assert.equal(mentionOptions("", many, ALL).at(-1)?.label, ALL);
});

test("mentions in a text are found by the longest name first, in any case and once", () => {
  const named = (text: string) => mentionsIn(text, members);
  assert.deepEqual(named("@Jerry, look: @tom cat! @JERRY"), { mentions: [1, 3], mention_all: false });
  assert.deepEqual(named("@tom and @all"), { mentions: [2], mention_all: true });
  assert.deepEqual(named("(@مريم)"), { mentions: [5], mention_all: false });
  for (const nobody of ["tom@jerry", "@tommy", "@allow", "@ tom", "@"]) {
    assert.deepEqual(named(nobody), { mentions: [], mention_all: false }, nobody);
  }
});

test("@all mentions everybody, even if a user has that name", () => {
  const called = [
    { id: 7, username: "All" },
    { id: 8, username: "everyone" },
    { id: 9, username: "\u00e0ll" },
  ];
  for (const text of ["@all hello", "@ALL", "so @everyone, come"]) {
    assert.deepEqual(mentionsIn(text, called), { mentions: [], mention_all: true }, text);
  }
  assert.deepEqual(mentionsIn("@\u00e0ll", called), { mentions: [9], mention_all: false });
});

test("typing a word for all suggests all first", () => {
  const called = ["\u00e0ll", "all", "Allan", "Here"].map((username, at) => ({ id: at + 7, username }));
  const first = (query: string) => mentionOptions(query, called, ALL)[0]?.label;
  assert.deepEqual(["all", "ALL", "here", "everyone"].map(first), [ALL, ALL, ALL, ALL]);
  assert.notEqual(first("al"), ALL);
  assert.deepEqual(
    mentionOptions("al", called, ALL).map(({ user }) => user),
    [8, 7, 9, 0],
    "and all are offered once",
  );
});

test("a direct conversation has no mentions", () => {
  assert.deepEqual(mentionsIn("@all @tom", []), { mentions: [], mention_all: false });
});

const groups = [
  parsed("😀\tgrinning face\thappy smile\n😼\tcat with wry smile\tironic"),
  parsed("🐈\tcat\tpet\n🙂‍↔️\thead shaking\tno"),
];
const found = (query: string) => findEmoji(groups, query).map(({ emoji }) => emoji);

test("emoji are found by the beginnings of words in their names and tags", () => {
  assert.deepEqual(found("smi"), ["😀", "😼"]);
  assert.deepEqual(found("cat"), ["😼", "🐈"]);
  assert.deepEqual(found("wry cat"), ["😼"]);
  assert.deepEqual(found("head_sh"), ["🙂‍↔️"]);
  assert.deepEqual(found("zzz"), []);
  assert.deepEqual(found("  "), []);
});
