/** Pictures of other sites. Their host would learn the reader's IP address, so the reader is asked first. */

import assert from "node:assert/strict";
import { say } from "../src/strings.js";
import type { Person } from "./support/people.js";
import { scene } from "./support/scene.js";
import type { Screen } from "./support/screen.js";

const { messages: words, settings } = say;
const HOST = "pictures.example";
const PIXEL = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

/** Simulates another host that has a picture at each address. Returns the requests that it gets. */
async function gallery({ page }: Screen): Promise<{ referrer: string | undefined }[]> {
  const asked: { referrer: string | undefined }[] = [];
  await page.route(`https://${HOST}/**`, (route) => {
    asked.push({ referrer: route.request().headers()["referer"] });
    return route.fulfill({ contentType: "image/png", body: PIXEL });
  });
  return asked;
}

function show(from: Person, to: Person, content: string, name: string): Promise<unknown> {
  const media = [{ url: `https://${HOST}/${name}`, type: "image", width: 600, height: 400 }];
  return from.rest.post("/v1/messages/p2p/{userID}", { path: { userID: to.id }, body: { content, media } });
}

scene("a picture of another site is loaded on request, and nothing moves", async ({ enter, newPerson }) => {
  const [painter, viewer] = [await newPerson("painter"), await newPerson("viewer")];
  const screen = await enter(viewer);
  const asked = await gallery(screen);
  await show(painter, viewer, "Look at this", "cat.png");
  await show(painter, viewer, "And at this", "dog.png");
  await screen.openRow("painter");
  const message = screen.message("Look at this");
  await message.getByText(HOST, { exact: true }).waitFor();
  const before = await message.boundingBox();
  await message.getByRole("button", { name: say.actions.showPicture }).click();
  const image = message.getByRole("img", { name: "cat.png" });
  await image.waitFor();
  await image.evaluate((image: HTMLImageElement) => image.decode());
  assert.deepEqual(await message.boundingBox(), before);
  assert.deepEqual(asked, [{ referrer: undefined }]);
  assert.ok(
    await message.getByRole("link").evaluate((link) => link === document.activeElement),
    "the focus goes along",
  );

  // A picture that was requested stays visible as long as the page exists.
  await screen.page.evaluate(() => (location.hash = "#/"));
  await screen.openRow("painter");
  await image.waitFor();
  assert.equal(await screen.message("And at this").getByRole("img").count(), 0);
  // Whether the browser still has it cached does not matter. After a reload it has to be requested again.
  await image.evaluate((image: HTMLImageElement) => image.decode());
  const times = asked.length;
  await screen.page.reload();
  await message.getByRole("button", { name: say.actions.showPicture }).waitFor();
  assert.equal(asked.length, times);

  await screen.chooseOfAccount(say.conversations.settings);
  await screen.dialog(settings.title).getByRole("tab", { name: settings.privacy }).click();
  await screen.dialog(settings.title).getByRole("radio", { name: settings.pictures.always }).click();
  await screen.button(say.design.close).click();
  await image.waitFor();
  await screen.message("And at this").getByRole("img", { name: "dog.png" }).waitFor();
  await screen.page.reload();
  await image.waitFor();
});

scene("own pictures load at once, and a failed one keeps its space", async ({ enter, newPerson }) => {
  const [painter, viewer] = [await newPerson("owner"), await newPerson("onlooker")];
  const screen = await enter(painter);
  screen.expects(/Failed to load resource/);
  await gallery(screen);
  await screen.page.route(`https://${HOST}/gone.png`, (route) => route.fulfill({ status: 404, body: "" }));
  await show(painter, viewer, "First", "first.png");
  await show(painter, viewer, "Mine", "mine.png");
  await show(painter, viewer, "Gone", "gone.png");
  await screen.openRow("onlooker");
  await screen.message("Mine").getByRole("img", { name: "mine.png" }).waitFor();
  await screen.message("Gone").getByText(say.actions.imageFailed).waitFor();
  const [mine, gone] = [await screen.message("Mine").boundingBox(), await screen.message("Gone").boundingBox()];
  assert.equal(gone?.height, mine?.height);
});
