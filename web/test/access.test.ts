/** That everybody can use it: what axe finds, and the keyboard. */

import assert from "node:assert/strict";
import { say } from "../src/strings.js";
import { findings } from "./support/axe.js";
import { PASSWORD } from "./support/people.js";
import { scene } from "./support/scene.js";

const THEMES = ["light", "dark"] as const;
const WIDTHS = [360, 1440];

for (const theme of THEMES) {
  for (const width of WIDTHS) {
    scene(`axe finds nothing at the front door: ${theme}, ${width} px`, async ({ visit }) => {
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

scene("axe would find something", async ({ visit }) => {
  const screen = await visit();
  await screen.frontDoor.waitFor();
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

scene("one signs in by keyboard alone", async ({ visit }) => {
  const screen = await visit();
  const { keyboard } = screen.page;
  await screen.frontDoor.waitFor();
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
