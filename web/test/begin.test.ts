/** The start of the client: nothing waits for data that it does not need. */

import { JERRY } from "./support/people.js";
import { scene } from "./support/scene.js";

/** More than the server returns in one page. */
const GROUPS = 200;

scene("the open conversation is requested in parallel with the list of conversations", async ({ enter }) => {
  const tom = await enter("tom");
  await tom.openUser(JERRY);
  await tom.send("Is there cheese?");
  await tom.page.waitForURL(/#\/c\/\d+$/);

  const asked = tom.page.waitForRequest(/\/v1\/conversations\/\d+\/messages/);
  await tom.page.route(/\/v1\/conversations\?/, async (route) => {
    await asked;
    await route.continue();
  });
  await tom.page.reload();
  await tom.sees("Is there cheese?");
});

scene("the newest of very many conversations appear before the oldest are loaded", async ({ enter, newPerson }) => {
  const busy = await newPerson("busy");
  const names = ["Oldest", ...Array.from({ length: GROUPS }, (_, number) => `Group ${number}`), "Newest"];
  for (const name of names) await busy.rest.post("/v1/groups", { body: { name } });
  const screen = await enter(busy, { path: "/#/" });
  await screen.row("Newest").waitFor();

  let isSeen: () => void = () => undefined;
  const seen = new Promise<void>((resolve) => (isSeen = resolve));
  await screen.page.route(/\/v1\/conversations\?.*cursor=/, async (route) => {
    await seen;
    await route.continue();
  });
  await screen.page.reload();
  await screen.row("Newest").waitFor();
  isSeen();
  await screen.inside.getByRole("textbox").fill("Oldest");
  await screen.row("Oldest").waitFor();
});
