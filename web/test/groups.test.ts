/** Groups: creating, adding members, renaming, writing, leaving, changing the owner; and the search for users. */

import assert from "node:assert/strict";
import { say } from "../src/strings.js";
import { eventually } from "./support/eventually.js";
import { scene } from "./support/scene.js";
import type { Screen } from "./support/screen.js";

const { conversations: list, details: words } = say;

/** Chooses a user in a field that searches users. */
async function choose({ page }: Screen, dialog: string, field: string, name: string): Promise<void> {
  const within = page.getByRole("dialog", { name: dialog, exact: true });
  await within.getByLabel(field, { exact: true }).fill(name);
  await within.getByRole("button", { name: list.addMember(name) }).click();
}

scene("Tom creates a group, adds members, renames it, and others join and leave", async ({ enter, newPerson }) => {
  const [founder, guest, latecomer] = [
    await newPerson("founder"),
    await newPerson("guest"),
    await newPerson("latecomer"),
  ];
  const [tom, jerry, spike] = [await enter(founder), await enter(guest), await enter(latecomer)];
  await tom.button(list.start).click();
  await tom.choose(list.newGroup);
  await tom.dialog(list.newGroup).getByLabel(list.groupName).fill("Mice");
  await choose(tom, list.newGroup, list.members, "guest");
  await tom.button(list.createGroup).click();
  await tom.composer.waitFor();
  await tom.send("Welcome!");

  await jerry.openRow("Mice");
  await jerry.sees("Welcome!");
  await jerry.conversation.getByText(say.messages.members(2)).first().waitFor();

  await tom.button(say.messages.details).click();
  await tom.panel("details").getByRole("button", { name: words.addMembers, exact: true }).click();
  await choose(tom, words.addMembers, list.personName, "latecomer");
  await tom.dialog(words.addMembers).getByRole("button", { name: words.add, exact: true }).click();
  await tom.panel("details").getByText("latecomer", { exact: true }).waitFor();
  await spike.openRow("Mice");
  await spike.sees("Welcome!");

  await tom.panel("details").getByRole("button", { name: words.rename, exact: true }).click();
  await tom.panel("details").getByLabel(words.groupName).fill("Mice and more");
  await tom.page.keyboard.press("Enter");
  for (const screen of [tom, jerry, spike]) await screen.row("Mice and more").waitFor();

  // A mention notifies the user although the group is muted.
  await spike.page.evaluate(() => (location.hash = "#/"));
  await spike.chooseOfRow("Mice and more", list.muteHours(8));
  await tom.composer.pressSequentially("Look, @late");
  await tom.page.getByRole("option", { name: "latecomer" }).waitFor();
  await tom.composer.press("Enter");
  await tom.composer.press("Enter");
  await tom.sees("Look, @latecomer");
  await spike.row("Mice and more").getByText(list.mentions(1)).waitFor();
  await jerry.sees("Look, @latecomer");
  assert.equal(await jerry.row("Mice and more").getByText(list.mentions(1)).count(), 0);

  await jerry.button(say.messages.details).click();
  await jerry.panel("details").getByRole("button", { name: words.leave, exact: true }).click();
  await jerry.dialog(words.leaveTitle("Mice and more")).getByRole("button", { name: words.leave }).click();
  await jerry.row("Mice and more").waitFor({ state: "detached" });
  await tom.conversation.getByText(say.messages.members(2)).first().waitFor();

  await tom
    .panel("details")
    .getByRole("button", { name: words.memberActions("latecomer") })
    .click();
  await tom.choose(words.remove);
  await tom.dialog(words.removeTitle("latecomer")).getByRole("button", { name: words.removeNow }).click();
  await spike.row("Mice and more").waitFor({ state: "detached" });
  await eventually(async () =>
    assert.equal(await tom.panel("details").getByText("latecomer", { exact: true }).count(), 0),
  );
});

scene("a failed user search is not reported as an empty result", async ({ enter, newPerson }) => {
  const [seeker] = [await newPerson("seeker"), await newPerson("sought")];
  const screen = await enter(seeker);
  screen.expects(/503 \(Service Unavailable\)/, /net::ERR_FAILED/);
  const users = /\/v1\/users\?/;
  const sentence = "The server is busy for a moment.";
  const body = JSON.stringify({ error: sentence, code: "busy" });
  await screen.page.route(users, (route) => route.fulfill({ status: 503, contentType: "application/json", body }));
  await screen.button(list.start).click();
  await screen.choose(list.newDirect);
  const dialog = screen.dialog(list.newDirect);
  await dialog.getByText(list.notLooked(sentence)).waitFor();
  assert.equal(await dialog.getByText(list.noOtherPerson).count(), 0);
  await screen.page.unroute(users);
  await screen.page.route(users, (route) => route.abort());
  await dialog.getByRole("button", { name: say.design.again }).click();
  await dialog.getByText(list.notLooked(say.design.unreachable)).waitFor();
  await screen.page.unroute(users);
  await dialog.getByRole("button", { name: say.design.again }).click();
  await dialog.getByRole("listitem").first().waitFor();
  assert.ok(await dialog.getByRole("textbox").evaluate((field) => field === document.activeElement));
});

scene("an owner makes another member the owner, or does so and leaves in one step", async ({ enter, newPerson }) => {
  const [first, second, third] = [await newPerson("first"), await newPerson("second"), await newPerson("third")];
  const { id } = await first.rest.post("/v1/groups", { body: { name: "Throne" } });
  for (const { id: user_id } of [second, third]) {
    await first.rest.post("/v1/groups/{id}/members", { path: { id }, body: { user_id } });
  }
  const [king, heir] = [await enter(first), await enter(second)];
  for (const screen of [king, heir]) {
    await screen.openRow("Throne");
    await screen.button(say.messages.details).click();
  }
  const roleOf = async (name: string, role: string): Promise<void> => {
    for (const screen of [king, heir]) {
      const row = screen.panel("details").getByRole("listitem").filter({ hasText: name });
      await row.getByText(words.roles[role]!, { exact: true }).waitFor();
    }
  };
  await king
    .panel("details")
    .getByRole("button", { name: words.memberActions("second") })
    .click();
  await king.choose(words.makeOwner);
  await king.dialog(words.ownerTitle("second")).getByText(words.ownerText).waitFor();
  await king.dialog(words.ownerTitle("second")).getByRole("button", { name: words.makeOwnerNow }).click();
  await roleOf("second", "owner");
  await roleOf("first", "admin");

  const leave = heir.panel("details").getByRole("button", { name: words.leave, exact: true });
  await leave.click();
  const dialog = heir.dialog(words.leaveTitle("Throne"));
  const confirm = dialog.getByRole("button", { name: words.leaveToHeir });
  assert.ok(await confirm.isDisabled());
  await dialog.getByRole("radio", { name: "third" }).click();
  await confirm.click();
  await heir.row("Throne").waitFor({ state: "detached" });
  await heir.page.waitForURL(({ hash }) => hash === "#/");
  const members = await third.rest.get("/v1/groups/{id}/members", { path: { id } });
  assert.deepEqual(
    members.map(({ username, role }) => `${username} ${role}`),
    ["first admin", "third owner"],
  );
});

scene("an owner who is alone in a group can archive it", async ({ enter, newPerson }) => {
  const hermit = await newPerson("hermit");
  await hermit.rest.post("/v1/groups", { body: { name: "Cave" } });
  const screen = await enter(hermit);
  await screen.openRow("Cave");
  await screen.button(say.messages.details).click();
  await screen.panel("details").getByRole("button", { name: words.leave, exact: true }).click();
  const dialog = screen.dialog(words.leaveTitle("Cave"));
  await dialog.getByText(words.leaveAloneText).waitFor();
  await dialog.getByRole("button", { name: words.archive, exact: true }).click();
  await screen.inside.getByText(list.archived(1)).waitFor();
});

scene("a member who is removed while looking at the group sees a notice", async ({ enter, newPerson }) => {
  const [host, outcast] = [await newPerson("chair"), await newPerson("outcast")];
  const { id } = await host.rest.post("/v1/groups", { body: { name: "Board" } });
  const path = { id, userId: outcast.id };
  await host.rest.post("/v1/groups/{id}/members", { path, body: { user_id: outcast.id } });
  const screen = await enter(outcast);
  await screen.openRow("Board");
  await screen.button(say.messages.details).click();
  const details = screen.panel("details");
  await details.getByText("chair", { exact: true }).waitFor();
  await host.rest.delete("/v1/groups/{id}/members/{userId}", { path });
  await details.getByText(words.notMember).waitFor();
  await screen.conversation.getByText(say.composer.notMember).waitFor();
  assert.equal(await details.getByRole("button", { name: words.leave, exact: true }).count(), 0);
  assert.equal(await details.getByText(words.failed).count(), 0);
  assert.equal(await screen.button(say.messages.pins).count(), 0);
  await screen.row("Board").waitFor({ state: "detached" });
});
