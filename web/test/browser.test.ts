/** What people expect of a page in a browser: its links, its tabs and the way back. */

import assert from "node:assert/strict";
import { say } from "../src/strings.js";
import { eventually } from "./support/eventually.js";
import { PASSWORD } from "./support/people.js";
import { scene } from "./support/scene.js";
import type { Screen } from "./support/screen.js";

const hash = ({ page }: Screen): string => new URL(page.url()).hash;

scene("a link to a message leads there by way of the front door, and the way back leads out", async (at) => {
  const [writer, reader] = [await at.newPerson("linker"), await at.newPerson("visitor")];
  const path = { userID: reader.id };
  const write = (content: string) => writer.rest.post("/v1/messages/p2p/{userID}", { path, body: { content } });
  const { id, conversation_id } = await write("The place in question");
  for (let number = 0; number < 60; number += 1) await write(`Later ${number}`);
  const screen = await at.visit({ path: `/#/c/${conversation_id}/m/${id}` });
  await screen.signIn("  visitor ", PASSWORD);
  await screen.isInSight("The place in question");
  assert.equal(hash(screen), `#/c/${conversation_id}`);

  // From somewhere else in the client it is the same, and one step back is enough.
  await screen.page.evaluate(() => (location.hash = "#/"));
  await screen.conversation.getByText(say.messages.none).waitFor();
  await screen.page.evaluate((link) => (location.hash = link), `#/c/${conversation_id}/m/${id}`);
  await screen.isInSight("The place in question");
  await screen.page.goBack();
  await screen.conversation.getByText(say.messages.none).waitFor();
  await screen.page.goForward();
  await screen.composer.waitFor();
});

scene("the way back leads out of the client as it led in", async ({ enter, newPerson }) => {
  const [guest, host] = [await newPerson("passer"), await newPerson("innkeeper")];
  await host.rest.post("/v1/messages/p2p/{userID}", { path: { userID: guest.id }, body: { content: "Come in" } });
  const screen = await enter(guest);
  await screen.openRow("innkeeper");
  await screen.page.goBack();
  await screen.conversation.getByText(say.messages.none).waitFor();
  await screen.page.goBack();
  assert.equal(screen.page.url(), "about:blank");
});

scene("who signs in or out in one tab does so in the others", async ({ visit, newPerson }) => {
  await newPerson("tabber");
  const one = await visit();
  const other = await one.anotherTab();
  await other.frontDoor.waitFor();
  await one.signIn("tabber", PASSWORD);
  for (const screen of [one, other]) await screen.inside.waitFor();
  other.expects(/401 \(Unauthorized\)/, /WebSocket connection/);
  await one.signOut();
  for (const screen of [one, other]) await screen.frontDoor.waitFor();
  assert.equal(await other.page.getByText(say.front.signedOut).count(), 0, "nothing has ended by itself");
});

scene("another password leaves the other tabs of this browser signed in", async ({ enter, newPerson }) => {
  const one = await enter(await newPerson("renewer"));
  const other = await one.anotherTab();
  for (const screen of [one, other]) await screen.inside.waitFor();
  one.expects(/401 \(Unauthorized\)/, /WebSocket connection/);
  await one.chooseOfAccount(say.conversations.settings);
  const dialog = one.dialog(say.settings.title);
  await dialog.getByLabel(say.settings.oldPassword, { exact: true }).fill(PASSWORD);
  await dialog.getByLabel(say.settings.newPassword, { exact: true }).fill("a better password");
  await dialog.getByRole("button", { name: say.settings.changePassword }).click();
  await dialog.getByText(say.settings.passwordChanged).waitFor();
  const token = await one.page.evaluate(() => localStorage.getItem("chatserver.session"));
  await eventually(async () => {
    assert.equal(await other.page.evaluate(() => localStorage.getItem("chatserver.session")), token);
    assert.ok(await other.inside.isVisible());
  });
  await other.page.waitForFunction(() => !document.body.innerText.includes("ended"));
});

scene("a conversation opens in another tab as links do", async ({ enter, newPerson }) => {
  const [opener, friend] = [await newPerson("opener"), await newPerson("companion")];
  const path = { userID: opener.id };
  const sent = await friend.rest.post("/v1/messages/p2p/{userID}", { path, body: { content: "Hello" } });
  const screen = await enter(opener);
  const row = screen.row("companion").getByRole("button").first();
  for (const press of [{ button: "middle" as const }, { modifiers: ["ControlOrMeta" as const] }]) {
    const [tab] = await Promise.all([screen.page.context().waitForEvent("page"), row.click({ ...press })]);
    await tab.waitForURL(`**/#/c/${sent.conversation_id}`);
    await tab.getByRole("article", { name: /: Hello$/ }).waitFor();
    assert.equal(hash(screen), "#/");
    await tab.close();
  }
});

scene("addresses that lead nowhere say so", async ({ enter, newPerson }) => {
  const [lost, friend] = [await newPerson("lost"), await newPerson("found")];
  const path = { userID: lost.id };
  const sent = await friend.rest.post("/v1/messages/p2p/{userID}", { path, body: { content: "Here I am" } });
  const screen = await enter(lost);
  screen.expects(/404 \(Not Found\)/);
  await screen.inside.waitFor();
  const goTo = (hash: string): Promise<void> => screen.page.evaluate((hash) => void (location.hash = hash), hash);
  await goTo("#/u/99999");
  await screen.conversation.getByText(say.messages.noUser).waitFor();
  assert.equal(await screen.composer.count(), 0);
  await goTo(`#/u/${lost.id}`);
  await screen.conversation.getByText(say.messages.oneself).waitFor();
  await goTo("#/c/99999");
  await screen.conversation.getByText(say.messages.missing).waitFor();
  // A message that is gone: what is there is shown all the same.
  await goTo(`#/c/${sent.conversation_id}/m/99999`);
  await screen.isTold("Message not found");
  await screen.isInSight("Here I am");
});
