/** Accessibility: axe's findings, and the keyboard. */

import assert from "node:assert/strict";
import { say } from "../src/strings.js";
import { findings } from "./support/axe.js";
import { PASSWORD, type Person } from "./support/people.js";
import { scene } from "./support/scene.js";
import type { Screen } from "./support/screen.js";

const THEMES = ["light", "dark"] as const;
const WIDTHS = [360, 1440];

for (const theme of THEMES) {
  for (const width of WIDTHS) {
    scene(`axe finds nothing on the sign-in page: ${theme}, ${width} px`, async ({ visit }) => {
      const screen = await visit({ theme, width });
      screen.expects(/401 \(Unauthorized\)/);
      await screen.button(say.front.demoBoth).waitFor();
      assert.deepEqual(await findings(screen), []);
      await screen.signIn("tom", "not the password");
      await screen.alert.waitFor();
      assert.deepEqual(await findings(screen), []);
      await screen.button(say.front.register).click();
      await screen.field(say.front.email).waitFor();
      assert.deepEqual(await findings(screen), []);
    });
  }
}

/** Everything that the screen of a signed-in user can show, and how to get there. */
const SCREENS: Record<string, (screen: Screen) => Promise<void>> = {
  "a conversation": async (screen) => {
    await screen.inside
      .getByText(/^host-/)
      .first()
      .click();
    await screen.sees("Hello");
    await screen.page.evaluate(() => (location.hash = "#/"));
  },
  "a group": async (screen) => screen.openRow("Everybody here"),
  "a message with what can be done": async (screen) => {
    await screen.message("A root").hover();
    await screen.message("A root").getByRole("button", { name: say.actions.all }).click();
    await screen.page.getByRole("menu").waitFor();
  },
  "the reactions": async (screen) => {
    await screen.page.keyboard.press("Escape");
    await screen.message("A root").getByRole("button", { name: say.actions.react, exact: true }).click();
    await screen.button(say.actions.moreEmoji).click();
    await screen.page.getByLabel(say.aids.pickerSearch).waitFor();
  },
  "a thread": async (screen) => {
    await screen.page.keyboard.press("Escape");
    await screen.list.getByRole("button", { name: say.messages.replies(1) }).click();
    await screen.message("A reply", screen.panel("thread")).waitFor();
  },
  details: async (screen) => {
    await screen.page.keyboard.press("Escape");
    await screen.conversation.getByTitle(say.messages.details).first().click();
    await screen.panel("details").getByText("tom", { exact: true }).waitFor();
  },
  pins: async (screen) => {
    await screen.page.keyboard.press("Escape");
    await screen.chooseOfHead(say.messages.pins);
    await screen.panel("pins").getByText("A root").waitFor();
  },
  "a date": async (screen) => {
    await screen.page.keyboard.press("Escape");
    await screen.chooseOfHead(say.dates.title);
    await screen.dialog(say.dates.title).waitFor();
  },
  "a search": async (screen) => {
    await screen.page.keyboard.press("Escape");
    await screen.chooseOfHead(say.messages.search);
    await screen.panel("search").getByRole("textbox").fill("root");
    await screen.panel("search").locator("mark").waitFor();
  },
  "the list": async (screen) => {
    await screen.page.keyboard.press("Escape");
    await screen.page.evaluate(() => (location.hash = "#/"));
    await screen.row("Everybody here").waitFor();
  },
  saved: async (screen) => {
    await screen.chooseOfAccount(say.conversations.saved);
    await screen.panel("saved").getByText("A root").waitFor();
  },
  "the shortcuts": async (screen) => {
    await screen.page.keyboard.press("Escape");
    await screen.chooseOfAccount(say.conversations.shortcuts);
    await screen.dialog(say.shortcuts.title).waitFor();
  },
  "a new group": async (screen) => {
    await screen.page.keyboard.press("Escape");
    await screen.button(say.conversations.start).click();
    await screen.choose(say.conversations.newGroup);
    const dialog = screen.dialog(say.conversations.newGroup);
    await dialog.getByLabel(say.conversations.members, { exact: true }).fill("to");
    await dialog.getByRole("button", { name: say.conversations.addMember("tom") }).waitFor();
  },
  "somebody new": async (screen) => {
    await screen.page.keyboard.press("Escape");
    await screen.button(say.conversations.start).click();
    await screen.choose(say.conversations.newDirect);
    await screen.dialog(say.conversations.newDirect).getByRole("listitem").first().waitFor();
  },
};
const PARTS = ["profile", "appearance", "notifications", "writing", "privacy", "about"] as const;
for (const part of PARTS) {
  SCREENS[`settings: ${part}`] = async (screen) => {
    await screen.page.keyboard.press("Escape");
    await screen.dialog(say.conversations.newDirect).waitFor({ state: "detached" });
    await screen.chooseOfAccount(say.conversations.settings);
    await screen.dialog(say.settings.title).getByRole("tab", { name: say.settings[part] }).click();
  };
}

for (const theme of THEMES) {
  for (const width of WIDTHS) {
    scene(`axe finds nothing inside: ${theme}, ${width} px`, async ({ enter, newPerson, person }) => {
      const [guest, host] = [await newPerson(`guest-${theme}-${width}`), await newPerson(`host-${theme}-${width}`)];
      await createContent(guest, host, await person("tom"));
      const screen = await enter(guest, { theme, width });
      await screen.row("Everybody here").waitFor();
      const found: string[] = [];
      for (const [what, come] of Object.entries(SCREENS)) {
        try {
          await come(screen);
        } catch (error) {
          throw new Error(`the way to ${what}`, { cause: error });
        }
        for (const finding of await findings(screen)) found.push(`${what}: ${finding}`);
      }
      assert.deepEqual(found, []);
    });

    scene(`axe finds nothing with two workspaces side by side: ${theme}, ${width} px`, async ({ visit, person }) => {
      const [tom, jerry] = [await person("tom"), await person("jerry")];
      const path = { userID: jerry.id };
      await tom.rest.post("/v1/messages/p2p/{userID}", { path, body: { content: "Is there cheese?" } });
      const screen = await visit({ theme, width });
      await screen.button(say.front.demoBoth).click();
      await screen.message("Is there cheese?", screen.page.locator("body")).nth(1).waitFor();
      assert.deepEqual(await findings(screen), []);
    });
  }
}

/** Creates at least one item of every kind. */
async function createContent(guest: Person, host: Person, third: Person): Promise<void> {
  const { group_id } = await host.rest.post("/v1/groups", { body: { name: "Everybody here" } });
  for (const { id } of [guest, third]) {
    await host.rest.post("/v1/groups/{id}/members", { path: { id: group_id }, body: { user_id: id } });
  }
  const path = { groupID: group_id };
  const write = (who: Person, body: { content: string; thread_id?: number; reply_to?: number }) =>
    who.rest.post("/v1/messages/group/{groupID}", { path, body });
  const rich = "**Bold**, _soft_, `code` and https://example.com\n\n> quoted\n\n```js\nlet a = 1;\n```\n- one\n- two";
  const root = await write(host, { content: "A root" });
  await write(third, { content: rich });
  await write(guest, { content: "An answer", reply_to: root.id });
  await write(third, { content: "A reply", thread_id: root.id });
  const id = { path: { id: root.id } };
  await third.rest.put("/v1/messages/{id}/pin", id);
  await guest.rest.put("/v1/messages/{id}/saved", id);
  await third.rest.put("/v1/messages/{id}/reactions/{emoji}", { path: { id: root.id, emoji: "🎉" } });
  const direct = { path: { userID: guest.id }, body: { content: "Hello" } };
  await host.rest.post("/v1/messages/p2p/{userID}", direct);
}

scene("axe finds problems where there are some", async ({ visit }) => {
  const screen = await visit();
  await screen.signInPage.waitFor();
  await screen.page.evaluate(() => {
    document.documentElement.removeAttribute("lang");
    document.body.append(document.createElement("button"));
  });
  const rules = (await findings(screen)).map((finding) => finding.split(":")[0]);
  assert.deepEqual(
    rules.toSorted(),
    ["button-name", "html-has-lang", "region"].filter((rule) => rules.includes(rule)),
  );
  assert.ok(rules.includes("button-name") && rules.includes("html-has-lang"), rules.join());
});

scene("a user signs in by keyboard alone", async ({ visit }) => {
  const screen = await visit();
  const { keyboard } = screen.page;
  await screen.signInPage.waitFor();
  const name = screen.field(say.front.usernameOrEmail);
  for (let presses = 0; !(await name.evaluate((field) => field === document.activeElement)); presses += 1) {
    assert.ok(presses < 20, "Tab leads to the field");
    await keyboard.press("Tab");
  }
  await keyboard.type("tom");
  await keyboard.press("Tab");
  await keyboard.type(PASSWORD);
  await keyboard.press("Enter");
  await screen.inside.waitFor();
});
