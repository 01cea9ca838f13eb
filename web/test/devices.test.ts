/** One user with several screens, and the per-member state: unread, drafts, muted, archived, the password. */

import assert from "node:assert/strict";
import { say } from "../src/strings.js";
import { eventually } from "./support/eventually.js";
import { PASSWORD } from "./support/people.js";
import { scene } from "./support/scene.js";

const { conversations: words, settings } = say;

scene("unread messages are counted, separated from read ones, and read once for all screens", async (at) => {
  const [reader, writer] = [await at.newPerson("reader"), await at.newPerson("writer")];
  const path = { userID: reader.id };
  const write = (content: string) => writer.rest.post("/v1/messages/p2p/{userID}", { path, body: { content } });
  const first = await write("Seen before");
  const body = { seq: first.seq };
  await reader.rest.post("/v1/conversations/{id}/read", { path: { id: first.conversation_id }, body });
  for (const text of ["One", "Two", "Three"]) await write(text);

  const [desk, phone] = [await at.enter(reader), await at.enter(reader, { width: 360 })];
  for (const screen of [desk, phone]) await screen.row("writer").getByText(words.unread(3)).waitFor();
  await eventually(async () => assert.match(await desk.page.title(), /^\(3\) /));
  await desk.openRow("writer");
  const separator = desk.list.getByRole("separator", { name: say.messages.unread, exact: true });
  await separator.waitFor();
  const order = await desk.list
    .locator("[role=separator], [role=article]")
    .evaluateAll((all) => all.map(({ ariaLabel }) => ariaLabel!.split(": ").at(-1)));
  assert.deepEqual(order.slice(-5), ["Seen before", say.messages.unread, "One", "Two", "Three"]);
  for (const screen of [desk, phone]) {
    await screen.row("writer").getByText(words.unread(3)).waitFor({ state: "detached" });
  }
  assert.equal(await separator.count(), 1, "it stays while the conversation is open");

  await desk.chooseOfRow("writer", words.markUnread);
  for (const screen of [desk, phone]) await screen.row("writer").getByText(words.isMarkedUnread).waitFor();
});

scene("a hidden message is not unread any more, at once and after reloading, and is subtracted once", async (at) => {
  const [reader, writer] = [await at.newPerson("hider"), await at.newPerson("essayist")];
  const path = { userID: reader.id };
  const write = (content: string) => writer.rest.post("/v1/messages/p2p/{userID}", { path, body: { content } });
  const written = [await write("One"), await write("Two"), await write("Three"), await write("Four")];
  const remove = (person: typeof reader, index: number, scope: "me" | "everyone") =>
    person.rest.delete("/v1/messages/{id}", { path: { id: written[index]!.id }, query: { for: scope } });
  const screen = await at.enter(reader);
  const shows = (unread: number): Promise<void> =>
    screen.row("essayist").getByText(words.unread(unread), { exact: true }).waitFor();
  await shows(4);
  // The list has loaded the last one only.
  await remove(reader, 1, "me");
  await shows(3);
  await remove(reader, 3, "me");
  await shows(2);
  await screen.page.reload();
  await shows(2);
  await remove(writer, 1, "everyone");
  await write("Five");
  await shows(3);
  await remove(writer, 0, "everyone");
  await shows(2);
});

scene("what was seen is read, even if the user scrolls away at once", async ({ enter, newPerson }) => {
  const [reader, writer] = [await newPerson("skimmer"), await newPerson("columnist")];
  const path = { userID: reader.id };
  const write = (content: string) => writer.rest.post("/v1/messages/p2p/{userID}", { path, body: { content } });
  for (let line = 1; line < 40; line += 1) await write(`Line ${line}`);
  const { conversation_id: id, seq } = await write("Line 40");
  await reader.rest.post("/v1/conversations/{id}/read", { path: { id }, body: { seq } });
  const screen = await enter(reader);
  await screen.openRow("columnist");
  await screen.sees("Line 40");
  await screen.conversation.getByRole("log").evaluate((log) => {
    const observer = new MutationObserver(() => {
      if (!log.textContent.includes("The news")) return;
      observer.disconnect();
      const up = (frames: number): void => {
        log.scrollBy(0, -log.clientHeight);
        if (frames > 0) requestAnimationFrame(() => up(frames - 1));
      };
      requestAnimationFrame(() => requestAnimationFrame(() => up(5)));
    });
    observer.observe(log, { childList: true, subtree: true });
  });
  const news = await write("The news");
  await eventually(async () => {
    const { read_seq } = await reader.rest.get("/v1/conversations/{id}", { path: { id } });
    assert.equal(read_seq, news.seq);
  });
});

scene("a draft begun on one screen is finished on another", async ({ enter, newPerson }) => {
  const [author, friend] = [await newPerson("author"), await newPerson("friend")];
  await author.rest.post("/v1/messages/p2p/{userID}", { path: { userID: friend.id }, body: { content: "Hello" } });
  const one = await enter(author);
  await one.openRow("friend");
  const other = await one.anotherTab();
  await other.openRow("friend");
  await one.composer.fill("Dear friend, ");
  await eventually(async () => assert.equal(await other.composer.inputValue(), "Dear friend, "));
  await other.composer.pressSequentially("how are you?");
  await eventually(async () => assert.equal(await one.composer.inputValue(), "Dear friend, how are you?"));
  await other.composer.press("Enter");
  for (const screen of [one, other]) {
    await screen.sees("Dear friend, how are you?");
    await eventually(async () => assert.equal(await screen.composer.inputValue(), ""));
  }
});

scene("a conversation that is muted, pinned or archived is so on all screens", async ({ enter, newPerson }) => {
  const [keeper, noise] = [await newPerson("keeper"), await newPerson("noise")];
  const path = { userID: keeper.id };
  await noise.rest.post("/v1/messages/p2p/{userID}", { path, body: { content: "Hello" } });
  const [one, other] = [await enter(keeper), await enter(keeper)];
  await one.chooseOfRow("noise", words.muteHours(1));
  await other.row("noise").getByText(words.isMuted).waitFor();
  await one.chooseOfRow("noise", words.pin);
  await other.row("noise").getByText(words.isPinned).waitFor();
  await other.chooseOfRow("noise", words.archive);
  await one.inside.getByText(words.archived(1)).click();
  await one.row("noise").waitFor();
  await one.chooseOfRow("noise", words.unarchive);
  await other.row("noise").waitFor();
  await one.row("noise").waitFor();
});

scene("changing the password ends all other sessions, and this one continues", async ({ enter, visit, newPerson }) => {
  const changer = await newPerson("changer");
  const [here, there] = [await enter(changer), await enter(changer)];
  there.expects(/401 \(Unauthorized\)/, /WebSocket connection/);
  here.expects(/401 \(Unauthorized\)/, /WebSocket connection/);
  await there.inside.waitFor();
  await here.chooseOfAccount(words.settings);
  const dialog = here.dialog(settings.title);
  const fill = async (old: string): Promise<void> => {
    await dialog.getByLabel(settings.oldPassword, { exact: true }).fill(old);
    await dialog.getByLabel(settings.newPassword, { exact: true }).fill("a better password");
    await dialog.getByRole("button", { name: settings.changePassword }).click();
  };
  await fill("not the password");
  await dialog.getByText(settings.wrongPassword).waitFor();
  await fill(PASSWORD);
  await dialog.getByText(settings.passwordChanged).waitFor();
  await there.page.getByText(say.front.signedOut).waitFor();
  await here.page.reload();
  await here.inside.waitFor();
  const again = await visit();
  await again.signIn("changer", "a better password");
  await again.inside.waitFor();
});

scene("signing out in one tab signs out the others, and nothing stays stored", async ({ enter, newPerson }) => {
  const leaver = await newPerson("leaver");
  const one = await enter(leaver);
  one.expects(/401 \(Unauthorized\)/, /WebSocket connection/);
  await one.inside.waitFor();
  const other = await one.anotherTab();
  await other.inside.waitFor();
  await one.signOut();
  await one.signInPage.waitFor();
  await other.signInPage.waitFor();
  await other.page.reload();
  await other.signInPage.waitFor();
  await eventually(async () => assert.deepEqual(await one.storedKeys(), []));
});
