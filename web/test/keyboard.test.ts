/** Every daily task without a mouse. The focus is always somewhere, and visible. */

import assert from "node:assert/strict";
import type { Locator } from "playwright-core";
import { say } from "../src/strings.js";
import { eventually } from "./support/eventually.js";
import { PASSWORD } from "./support/people.js";
import { scene } from "./support/scene.js";
import type { Screen } from "./support/screen.js";

/** More key presses than any path needs. */
const MAX_PRESSES = 60;

const isThere = (goal: Locator): Promise<boolean> =>
  goal.evaluateAll((all) => all.some((element) => element === document.activeElement));

/** Waits until an element has the focus, and checks that the focus is visible. */
async function focused(screen: Screen, goal: Locator, what: string): Promise<void> {
  await eventually(async () => assert.ok(await isThere(goal), `the focus is ${what}; it is at ${await focus(screen)}`));
  assert.ok(await isSeen(screen), `the focus is seen ${what}: ${await focus(screen)}`);
}

/** Presses a key until an element has the focus. */
async function reach(screen: Screen, key: string, goal: Locator, what: string): Promise<void> {
  await goal.first().waitFor();
  for (let presses = 0; !(await isThere(goal)); presses += 1) {
    assert.ok(presses < MAX_PRESSES, `${key} leads ${what}; the focus is at ${await focus(screen)}`);
    await screen.page.keyboard.press(key);
  }
  await focused(screen, goal, what);
}

function focus({ page }: Screen): Promise<string> {
  return page.evaluate(() => document.activeElement?.outerHTML.slice(0, 200) ?? "nothing");
}

/** Whether the focus is visible: by an outline, a field's caret, or a colour different from the neighbours'. */
function isSeen({ page }: Screen): Promise<boolean> {
  return page.evaluate(() => {
    const element = document.activeElement;
    if (!(element instanceof HTMLElement) || element === document.body || !element.checkVisibility()) return false;
    const { outlineStyle, outlineWidth, backgroundColor } = getComputedStyle(element);
    if (outlineStyle !== "none" && outlineWidth !== "0px") return true;
    if (element.matches("input:not([type=radio], [type=checkbox]), textarea")) return true;
    const neighbour = element.nextElementSibling ?? element.previousElementSibling;
    return neighbour !== null && getComputedStyle(neighbour).backgroundColor !== backgroundColor;
  });
}

scene("from the sign-in page to signing out by keyboard alone", async ({ visit, newPerson }) => {
  const [typist, friend, other] = [await newPerson("typist"), await newPerson("friend"), await newPerson("other")];
  const path = { userID: typist.id };
  await other.rest.post("/v1/messages/p2p/{userID}", { path, body: { content: "From the other" } });
  await friend.rest.post("/v1/messages/p2p/{userID}", { path, body: { content: "Are you there?" } });
  const screen = await visit();
  const { page } = screen;
  const press = (key: string): Promise<void> => page.keyboard.press(key);
  const type = (text: string): Promise<void> => page.keyboard.type(text);

  await screen.signInPage.waitFor();
  await reach(screen, "Tab", screen.field(say.front.usernameOrEmail), "to the name");
  await type("typist");
  await press("Tab");
  await type(PASSWORD);
  await press("Enter");
  await screen.row("friend").waitFor();

  // Opening a conversation and writing in it
  await reach(screen, "Tab", screen.row("friend").getByRole("button").first(), "to the newest conversation");
  await press("Enter");
  await focused(screen, screen.composer, "in the composer");
  await type("Yes, here.");
  await press("Enter");
  await screen.hasStatus("Yes, here.", say.messages.sent);
  await focused(screen, screen.composer, "still in the composer");

  // Answering and reacting
  const list = screen.list.getByRole("article");
  await reach(screen, "Shift+Tab", list, "to the messages");
  const question = screen.message("Are you there?");
  await reach(screen, "ArrowUp", question, "to the question");
  await press("Enter");
  const item = (name: string): Locator => page.getByRole("menuitem", { name, exact: true });
  await reach(screen, "ArrowDown", item(say.actions.reply), "to the answer");
  await press("Enter");
  await focused(screen, screen.composer, "in the composer, to reply");
  await type("I was asleep.");
  await press("Enter");
  await screen.message("I was asleep.").getByTitle(say.messages.showQuoted("friend")).waitFor();
  await reach(screen, "Shift+Tab", list, "to the messages");
  await reach(screen, "ArrowUp", question, "to the question");
  await reach(screen, "Tab", question.getByRole("button", { name: say.actions.react }), "to the reactions");
  await press("Enter");
  await reach(screen, "ArrowRight", screen.button(say.actions.reactWith("❤️")), "to the heart");
  await press("Enter");
  await screen.button(say.actions.reaction("❤️", 1, true)).waitFor();
  await eventually(async () => assert.ok(await isSeen(screen), `after a reaction: ${await focus(screen)}`));

  // A thread
  await reach(screen, "Shift+Tab", question, "back to the question");
  await press("Enter");
  await reach(screen, "ArrowDown", item(say.actions.thread), "to the thread");
  await press("Enter");
  await screen.threadComposer.waitFor();
  await reach(screen, "Tab", screen.threadComposer, "to the composer of the thread");
  await type("In the thread");
  await press("Enter");
  await screen.message("In the thread", screen.panel("thread")).waitFor();
  await press("Escape");
  await screen.panel("thread").waitFor({ state: "detached" });
  await eventually(async () => assert.ok(await isSeen(screen), `after the thread: ${await focus(screen)}`));

  // Searching
  await reach(screen, "Shift+Tab", screen.button(say.messages.search), "to the search");
  await press("Enter");
  const field = screen.panel("search").getByRole("textbox", { name: say.panel.searchField });
  await focused(screen, field, "in the search");
  await type("asleep");
  await screen.panel("search").locator("mark").waitFor();
  const found = screen.panel("search").getByRole("button", { name: say.panel.jump(say.panel.you, "") });
  await reach(screen, "Tab", found, "to what was found");
  await press("Enter");
  await screen.isInView("I was asleep.");
  await press("Escape");
  await screen.panel("search").waitFor({ state: "detached" });
  await eventually(async () => assert.ok(await isSeen(screen), `after the search: ${await focus(screen)}`));

  // Other conversations, by the arrows and by name
  await press("Alt+ArrowDown");
  await screen.sees("From the other");
  await focused(screen, screen.composer, "in the composer");
  await press("Control+k");
  await focused(screen, screen.inside.getByRole("textbox", { name: say.conversations.filter }), "in the filter field");
  await type("fri");
  await screen.row("other").waitFor({ state: "detached" });
  await press("Enter");
  await screen.sees("I was asleep.");
  await focused(screen, screen.composer, "in the composer");

  // Settings and the end
  await reach(
    screen,
    "Shift+Tab",
    screen.inside.getByRole("button", { name: say.conversations.ownMenu }),
    "to the menu",
  );
  await press("Enter");
  await reach(screen, "ArrowDown", item(say.conversations.settings), "to the settings");
  await press("Enter");
  const dialog = screen.dialog(say.settings.title);
  await reach(screen, "Tab", dialog.getByRole("tab"), "to the parts of the settings");
  await press("ArrowDown");
  await reach(screen, "Tab", dialog.getByRole("radio"), "to the colours");
  await press("Escape");
  await dialog.waitFor({ state: "detached" });
  const menu = screen.inside.getByRole("button", { name: say.conversations.ownMenu });
  await focused(screen, menu, "back at the menu");
  await press("Enter");
  await press("End");
  await focused(screen, item(say.conversations.signOut), "at the end of the menu");
  await press("Enter");
  await screen.signInPage.waitFor();
});
