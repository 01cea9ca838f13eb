/** Two users chat: all actions on messages, seen from both sides. */

import assert from "node:assert/strict";
import type { Locator } from "playwright-core";
import { say } from "../src/strings.js";
import { eventually } from "./support/eventually.js";
import { JERRY, TOM, type Person } from "./support/people.js";
import { scene, type Scene } from "./support/scene.js";
import type { Screen } from "./support/screen.js";

const { messages: words } = say;

/** Opens the conversation of two new users on a screen each. */
async function pair({ enter, newPerson }: Scene, names: [string, string]): Promise<[Screen, Screen, Person, Person]> {
  const [one, other] = [await newPerson(names[0]), await newPerson(names[1])];
  const [left, right] = [await enter(one), await enter(other)];
  await left.openUser(other.id);
  await right.openUser(one.id);
  return [left, right, one, other];
}

scene("Tom writes and sees the delivery status; Jerry types and answers", async ({ enter }) => {
  const tom = await enter("tom");
  await tom.openUser(JERRY);
  await tom.send("Is there cheese?");
  await tom.hasStatus("Is there cheese?", words.sent);

  const jerry = await enter("jerry");
  await jerry.row("tom").getByText(say.conversations.unread(1)).waitFor();
  await tom.hasStatus("Is there cheese?", words.delivered);
  await jerry.openUser(TOM);
  await jerry.sees("Is there cheese?");
  await tom.hasStatus("Is there cheese?", words.read);
  await eventually(async () =>
    assert.equal(await jerry.row("tom").getByText(say.conversations.unread(1)).count(), 0, "nothing is unread"),
  );

  await jerry.composer.pressSequentially("Yes");
  await tom.row("jerry").getByText(say.conversations.isTyping).waitFor();
  await tom.conversation
    .getByText(words.typing(["jerry"]))
    .first()
    .waitFor();
  await jerry.composer.fill("");
  await jerry.chooseOf("Is there cheese?", say.actions.reply);
  await jerry.conversation.getByText(say.aids.replyingTo("tom")).waitFor();
  await jerry.send("Come and see.");
  await tom.sees("Come and see.");
  await tom.message("Come and see.").getByTitle(words.showQuoted(words.you)).getByText("Is there cheese?").waitFor();
});

scene("edits, deletions and reactions appear on both sides", async (at) => {
  const [left, right] = await pair(at, ["muscles", "cuckoo"]);
  await left.send("Chese");
  await right.sees("Chese");

  await left.composer.press("ArrowUp");
  await left.conversation.getByText(say.aids.editing).waitFor();
  await left.send("Cheese");
  for (const screen of [left, right]) {
    await screen.sees("Cheese");
    await screen.message("Cheese").getByRole("button", { name: words.edited, exact: true }).waitFor();
    assert.equal(await screen.message("Chese").count(), 0);
  }
  await right.message("Cheese").getByRole("button", { name: words.edited, exact: true }).click();
  await right.dialog(say.actions.versionsTitle).getByText("Chese", { exact: true }).waitFor();
  await right.button(say.design.close).click();

  await right.message("Cheese").hover();
  await right.message("Cheese").getByRole("button", { name: say.actions.react, exact: true }).click();
  await right.button(say.actions.reactWith("🎉")).click();
  const reaction = (screen: Screen, isMine: boolean) =>
    screen.button(say.actions.reaction("🎉", 1, isMine)).and(screen.page.locator("[aria-pressed]"));
  await reaction(right, true).waitFor();
  await reaction(left, false).click();
  await right.button(say.actions.reaction("🎉", 2, true)).click();
  await reaction(left, true).waitFor();

  await left.chooseOf("Cheese", say.actions.delete);
  await left.dialog(say.actions.deleteTitle).getByRole("button", { name: say.actions.deleteForEveryone }).click();
  for (const screen of [left, right]) {
    await screen.sees(words.deleted);
    assert.equal(await screen.message("Cheese").count(), 0);
  }
});

scene("Arrow Up edits the message just sent, however long the server takes to answer", async ({ enter, newPerson }) => {
  const [writer, friend] = [await newPerson("hasty"), await newPerson("patient")];
  const screen = await enter(writer);
  const held: { type: string; pass: () => void }[] = [];
  let isHeld = true;
  await screen.page.context().routeWebSocket(/\/ws\b/, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((frame) => {
      const type = /"type":"(ack|message|conversation)"/.exec(String(frame))?.[1];
      if (isHeld && type !== undefined) held.push({ type, pass: () => socket.send(frame) });
      else socket.send(frame);
    });
  });
  await screen.page.reload();
  await screen.openUser(friend.id);
  await screen.send("Chese");
  await screen.hasStatus("Chese", say.messages.waiting);
  await screen.composer.press("ArrowUp");
  const types = (): string[] => [...new Set(held.map(({ type }) => type))].sort();
  await eventually(async () =>
    assert.deepEqual(types(), ["ack", "conversation", "message"], "the server has answered"),
  );
  isHeld = false;
  // The answer may overtake the conversation that the message has created.
  for (const { pass } of held.filter(({ type }) => type === "ack")) pass();
  await screen.page.evaluate(
    () => new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted))),
  );
  for (const { pass } of held.filter(({ type }) => type !== "ack")) pass();
  await screen.conversation.getByText(say.aids.editing).waitFor();
  assert.equal(await screen.composer.inputValue(), "Chese");
  await screen.send("Cheese");
  await screen.message("Cheese").getByRole("button", { name: words.edited, exact: true }).waitFor();
});

scene("a thread continues beside the conversation", async (at) => {
  const [left, right] = await pair(at, ["toodles", "topsy"]);
  await left.send("Where shall we meet?");
  await left.hasStatus("Where shall we meet?", words.read);
  await left.chooseOf("Where shall we meet?", say.actions.thread);
  await left.send("In the kitchen?", left.threadComposer);
  await left.message("In the kitchen?", left.panel("thread")).waitFor();

  await right.list.getByRole("button", { name: words.replies(1) }).click();
  await right.message("In the kitchen?", right.panel("thread")).waitFor();
  await right.send("At midnight.", right.threadComposer);
  await left.message("At midnight.", left.panel("thread")).waitFor();
  await left.list.getByRole("button", { name: words.replies(2) }).waitFor();
  assert.equal(await left.message("At midnight.", left.list).count(), 0, "replies stay in the thread");
  await left.page.keyboard.press("Escape");
  await left.panel("thread").waitFor({ state: "detached" });
});

scene("pins are shared by both, saved messages are one's own", async (at) => {
  const [left, right] = await pair(at, ["lightning", "meathead"]);
  await left.send("The key is under the mat.");
  await right.sees("The key is under the mat.");

  await right.chooseOf("The key is under the mat.", say.actions.pin);
  await left.hasStatus("The key is under the mat.", words.pinned);
  await left.button(words.pins).click();
  await left.panel("pins").getByText("The key is under the mat.").waitFor();
  await left.panel("pins").getByRole("button", { name: say.panel.unpin, exact: true }).click();
  await left.panel("pins").getByText(say.panel.pinsNone).waitFor();

  await right.chooseOf("The key is under the mat.", say.actions.save);
  await right.hasStatus("The key is under the mat.", words.saved);
  await right.chooseOfAccount(say.conversations.saved);
  await right.panel("saved").getByText("The key is under the mat.").waitFor();
  await right.panel("saved").getByRole("button", { name: say.panel.unsave, exact: true }).click();
  await right.panel("saved").getByText(say.panel.savedNone).waitFor();
  assert.equal(await left.list.getByLabel(words.saved, { exact: true }).count(), 0);
});

scene("an old message is found, and one click leads there and back", async (at) => {
  const { enter, newPerson } = at;
  const [writer, reader] = [await newPerson("droopy"), await newPerson("barney")];
  const path = { userID: reader.id };
  for (let number = 0; number < 300; number += 1) {
    const content = number === 20 ? "The treasure lies below the oak." : `Line ${number}`;
    await writer.rest.post("/v1/messages/p2p/{userID}", { path, body: { content } });
  }
  const screen = await enter(reader);
  await screen.openRow("droopy");
  await screen.conversation.getByRole("separator", { name: words.unread }).waitFor();
  await screen.button(words.search).click();
  const field = screen.panel("search").getByRole("textbox", { name: say.panel.searchField });
  await eventually(async () => {
    await field.fill("treasure oak");
    await screen.panel("search").getByText(say.panel.foundCount(1, false)).waitFor({ timeout: 2000 });
  });
  assert.equal(await screen.panel("search").locator("mark").count(), 2);
  await screen
    .panel("search")
    .getByRole("button", { name: say.panel.jump("droopy", "") })
    .click();
  await screen.isInView("The treasure lies below the oak.");
  await screen.conversation.getByRole("button", { name: new RegExp(`${say.actions.toNewest}|new messages?$`) }).click();
  await screen.isInView("Line 299");
});

scene("a date leads to the first message from then on, or to the last", async ({ enter, newPerson }) => {
  const [writer, reader] = [await newPerson("gopher"), await newPerson("quacker")];
  const path = { userID: reader.id };
  const send = (content: string) => writer.rest.post("/v1/messages/p2p/{userID}", { path, body: { content } });
  const { timestamp } = await send("Line 0");
  for (let number = 1; number < 200; number += 1) await send(`Line ${number}`);
  const screen = await enter(reader);
  await screen.openRow("gopher");
  const dialog = screen.dialog(say.dates.title);
  const goTo = async (day: string): Promise<void> => {
    await screen.chooseOfHead(say.dates.title);
    await dialog.getByLabel(say.dates.day, { exact: true }).fill(day);
    await screen.page.keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });
  };
  // The day of the first message, in the local time zone.
  await goTo(new Date(timestamp).toLocaleDateString("sv"));
  await screen.isInView("Line 0");
  await goTo("2999-12-31");
  await screen.isInView("Line 199");
  await screen.showsNotice(say.dates.nothingLater);
  await goTo("2000-01-01");
  await screen.isInView("Line 0");
});

scene("a message is forwarded, and its link leads others to it", async (at) => {
  const { enter, newPerson } = at;
  const [left, right, , other] = await pair(at, ["dripple", "red"]);
  const third = await newPerson("slick");
  await left.send("Come at noon.");
  await right.sees("Come at noon.");

  await left.chooseOf("Come at noon.", say.actions.forward);
  const dialog = left.dialog(say.actions.forwardTitle);
  await dialog.getByLabel(say.actions.forwardSearch).fill("slick");
  await dialog.getByRole("button", { name: "slick" }).click();
  await left.showsNotice(say.actions.forwardedTo("slick"));
  const screen = await enter(third);
  await screen.openRow("dripple");
  await screen.sees("Come at noon.");
  await screen.message("Come at noon.").getByText(say.messages.forwardedFrom("").trim()).waitFor();

  await left.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await left.chooseOf("Come at noon.", say.actions.copyLink);
  await left.showsNotice(say.actions.copied);
  const link = await left.page.evaluate(() => navigator.clipboard.readText());
  for (let number = 0; number < 60; number += 1) {
    const path = { userID: (await at.person("dripple")).id };
    await other.rest.post("/v1/messages/p2p/{userID}", { path, body: { content: `Later ${number}` } });
  }
  const opened = await enter(other, { path: link.slice(at.server.url.length) });
  await opened.isInView("Come at noon.");
});

scene("a link whose text suggests another host shows where it leads", async ({ enter, newPerson }) => {
  const [writer, reader] = [await newPerson("angler"), await newPerson("careful")];
  const screen = await enter(reader);
  await screen.openUser(writer.id);
  const content = "Go to [https://bank.example](https://evil.example/login), see [the docs](https://docs.example/).";
  await writer.rest.post("/v1/messages/p2p/{userID}", { path: { userID: reader.id }, body: { content } });
  const links = screen.list.getByRole("link");
  const seen = ["https://bank.example(evil.example)", "the docs"];
  await eventually(async () =>
    assert.deepEqual(
      (await links.allInnerTexts()).map((text) => text.trim()),
      seen,
    ),
  );
});

scene("a streaming text grows on the reader's screen", async ({ enter, newPerson }) => {
  const [writer, reader] = [await newPerson("narrator"), await newPerson("listener")];
  const screen = await enter(reader);
  await screen.openUser(writer.id);
  const whole = "Once upon a time there was **a mouse**, and nobody knew where it lived.";
  const path = { userID: reader.id };
  const sent = await writer.rest.post("/v1/messages/p2p/{userID}", { path, body: { content: "", streaming: true } });
  const { id } = sent;
  for (let offset = 0; offset < whole.length; offset += 10) {
    const body = { offset, content: whole.slice(offset, offset + 10) };
    await writer.rest.post("/v1/messages/{id}/append", { path: { id }, body });
    if (offset < 20)
      await screen.list
        .getByText(whole.slice(0, offset + 10).trim())
        .first()
        .waitFor();
  }
  await screen.sees(whole.replaceAll("**", ""));
  const caret = screen.list.getByRole("img", { name: words.growing });
  await caret.waitFor();
  await writer.rest.post("/v1/messages/{id}/finish", { path: { id }, body: {} });
  await caret.waitFor({ state: "detached" });
  await screen.list.getByText("a mouse", { exact: true }).waitFor();
});

scene("any text stays within its bounds and has its own direction", async ({ enter, newPerson }) => {
  const [reader, writer] = [await newPerson("reader of much"), await newPerson("writer of long and odd things")];
  const { group_id } = await writer.rest.post("/v1/groups", { body: { name: "A name that goes on ".repeat(4) } });
  await writer.rest.post("/v1/groups/{id}/members", { path: { id: group_id }, body: { user_id: reader.id } });
  const path = { groupID: group_id };
  for (const content of ["long".repeat(60), "- واحد\n- two\n\n> اقتباس", "- one\n- שתיים"]) {
    const { id } = await writer.rest.post("/v1/messages/group/{groupID}", { path, body: { content } });
    await reader.rest.put("/v1/messages/{id}/saved", { path: { id } });
  }
  const screen = await enter(reader, { width: 360, height: 700 });
  await screen.chooseOfAccount(say.conversations.saved);
  const excerpts = screen.panel("saved").getByRole("article");
  await eventually(async () => assert.equal(await excerpts.count(), 3));
  for (const excerpt of await excerpts.all()) {
    const { x, width } = (await excerpt.boundingBox())!;
    assert.ok(x >= 0 && x + width <= 360, `${x} and ${width} px are in 360`);
  }

  await screen.button(say.panel.back).click();
  await screen.inside.getByText(/A name that goes on/).click();
  const listWith = (text: string): Locator => screen.list.getByRole("list").filter({ hasText: text });
  const directionOf = (all: Locator): Promise<string> => all.evaluate((one) => getComputedStyle(one).direction);
  assert.equal(await directionOf(listWith("two")), "rtl");
  assert.equal(await directionOf(screen.list.getByRole("blockquote")), "rtl");
  assert.equal(await directionOf(listWith("one")), "ltr");
});

scene("searching for an unknown user name is reported", async ({ enter }) => {
  const tom = await enter("tom");
  const field = tom.inside.getByRole("textbox", { name: say.conversations.filter });
  await field.fill("jerry");
  await tom.inside.getByText(say.conversations.searchMessages("jerry")).waitFor();
  await field.fill("zzz");
  await tom.inside.getByText(say.conversations.noneFound).waitFor();
});
