/** The widget in pages of another origin: its content, its messages, and who may not embed it. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import type { FrameLocator, Locator, Route } from "playwright-core";
import { say } from "../src/strings.js";
import { Embedder } from "./support/embedder.js";
import { eventually } from "./support/eventually.js";
import { findings } from "./support/axe.js";
import type { Person } from "./support/people.js";
import { scene, settings, type Scene, type ScreenOptions } from "./support/scene.js";
import type { Screen } from "./support/screen.js";

const words = say.widget;
let shop: Embedder;
let stranger: Embedder;

settings(async () => {
  [shop, stranger] = [await Embedder.start(), await Embedder.start()];
  return { ALLOWED_ORIGINS: shop.origin };
});

/** The widget on a user's screen. */
class WidgetScreen {
  readonly button: Locator;
  readonly dialog: Locator;
  readonly window: FrameLocator;

  constructor(readonly screen: Screen) {
    const { page } = screen;
    this.button = page.locator("chatserver-widget > button, chatserver-widget button").first();
    this.dialog = page.getByRole("dialog");
    this.window = page.frameLocator("chatserver-widget iframe");
  }

  get composer(): Locator {
    return this.window.getByRole("main").getByRole("textbox").last();
  }

  async isNamed(name: string): Promise<void> {
    await eventually(async () => assert.equal(await this.button.getAttribute("aria-label"), name));
  }

  async sees(text: string): Promise<void> {
    await this.screen.message(text, this.window.getByRole("main")).waitFor();
  }
}

/** The example of the documentation. */
const EXAMPLE = new URL("../../../examples/widget.html", import.meta.url);

let pages = 0;

/** Opens a page of the shop on a screen. */
async function enter(
  { server, visit }: Scene,
  attributes: string,
  { script = "", from = shop, ...options }: ScreenOptions & { script?: string; from?: Embedder } = {},
): Promise<WidgetScreen> {
  from.chat = server.url;
  const path = `/page${(pages += 1)}`;
  from.page(path, attributes, script);
  return new WidgetScreen(await visit({ ...options, origin: from.origin, path }));
}

async function two({ newPerson }: Scene): Promise<[Person, Person]> {
  const n = (pages += 1);
  return [await newPerson(`buyer${n}`), await newPerson(`seller${n}`)];
}

const write = (from: Person, to: Person, content: string): Promise<unknown> =>
  from.rest.post("/v1/messages/p2p/{userID}", { path: { userID: to.id }, body: { content } });

scene("one script adds a chat to a page, which is opened, used and closed by keyboard alone", async (scene) => {
  const [buyer, seller] = await two(scene);
  const shown = await enter(
    scene,
    `data-token="${buyer.token}" data-to-user="${seller.id}" data-title="Support" async`,
  );
  const { keyboard } = shown.screen.page;
  await shown.isNamed(words.open);
  assert.equal(await shown.button.getAttribute("aria-expanded"), "false");
  assert.equal(await shown.screen.page.locator("script[data-token]").count(), 0);
  await shown.button.focus();
  await keyboard.press("Enter");
  await shown.composer.waitFor();
  assert.equal(await shown.button.getAttribute("aria-expanded"), "true");
  assert.equal(await shown.dialog.getAttribute("aria-label"), "Support");
  await eventually(async () =>
    assert.ok(
      await shown.composer.evaluate((field) => field.ownerDocument.activeElement === field && document.hasFocus()),
    ),
  );
  await keyboard.type("Is there cheese?");
  await keyboard.press("Enter");
  await shown.sees("Is there cheese?");
  await eventually(async () => {
    const { conversations } = await seller.rest.get("/v1/conversations");
    assert.equal(conversations[0]?.last_message?.content, "Is there cheese?");
  });
  await write(seller, buyer, "All kinds of it");
  await shown.sees("All kinds of it");
  await keyboard.press("Escape");
  await shown.dialog.waitFor({ state: "hidden" });
  assert.ok(await shown.button.evaluate((button) => (button.getRootNode() as ShadowRoot).activeElement === button));
});

scene("the button counts unread messages, and opening the window reads them", async (scene) => {
  const [buyer, seller] = await two(scene);
  await write(seller, buyer, "One");
  const script = `
    const counts = [];
    const shown = ChatServer.widget({ token: "${buyer.token}", to: { user: ${seller.id} } });
    shown.on("unread", (count) => (document.title = String(count)));
    document.querySelector("a").addEventListener("click", () => shown.open());`;
  const shown = await enter(scene, "", { script });
  await shown.isNamed(words.openWith(1));
  await write(seller, buyer, "Two");
  await shown.isNamed(words.openWith(2));
  await eventually(async () => assert.equal(await shown.screen.page.title(), "2"));
  const loaded = (): Promise<number> =>
    shown.screen.page.frames()[1]!.evaluate(() => performance.getEntriesByType("resource").length);
  const before = await loaded();
  await shown.screen.page.getByRole("link").click();
  await shown.sees("Two");
  assert.ok((await loaded()) > before, "opening the window loads the code that displays the conversation");
  await eventually(async () => assert.equal(await shown.screen.page.title(), "0"));
  await eventually(async () => {
    const { conversations } = await buyer.rest.get("/v1/conversations");
    assert.equal(conversations[0]?.unread, 0);
  });
});

scene(
  "a conversation can be read and written in after less than 60,000 bytes, and the rest is loaded afterwards",
  async (scene) => {
    const [buyer, seller] = await two(scene);
    await write(seller, buyer, "The **best** of it");
    const shown = await enter(scene, `data-token="${buyer.token}" data-to-user="${seller.id}"`);
    const { page } = shown.screen;
    // Code that is loaded later is held back: everything that works was loaded before.
    const held: Route[] = [];
    let isHeld = true;
    await page.route(/\/assets\/parts-/, (route) => (isHeld ? void held.push(route) : route.continue()));
    const loaded: Promise<number>[] = [];
    page.on("requestfinished", (request) => {
      const isCounted = ["script", "stylesheet"].includes(request.resourceType());
      if (isCounted && request.url().startsWith(scene.server.url)) {
        loaded.push(request.sizes().then(({ responseBodySize }) => responseBodySize));
      }
    });
    await page.reload();
    await shown.isNamed(words.openWith(1));
    await shown.button.click();
    await shown.sees("The best of it");
    await shown.composer.fill("I take *all*");
    await shown.composer.press("Enter");
    await shown.sees("I take all");
    await eventually(async () => assert.ok(held.length > 0, "the rest is requested"));
    const bytes = (await Promise.all(loaded)).reduce((sum, size) => sum + size, 0);
    assert.ok(loaded.length >= 4, "the script, the window, the conversation and its styles");
    assert.ok(bytes > 40_000 && bytes < 60_000, `${bytes} bytes`);

    isHeld = false;
    await Promise.all(held.map((route) => route.continue()));
    await shown.screen.message("The best of it", shown.window.getByRole("main")).hover();
    await shown.window.getByRole("button", { name: say.actions.react, exact: true }).waitFor();
  },
);

scene("an expired token is replaced, and nothing is stored in the browser", async (scene) => {
  const [buyer, seller] = await two(scene);
  const other = await scene.person(buyer.username);
  const path = `/token${buyer.id}`;
  shop.answer(path, buyer.token);
  const script = `ChatServer.widget({
    getToken: async () => (await fetch("${path}")).text(), to: { user: ${seller.id} }, open: true,
  });`;
  const shown = await enter(scene, "", { script });
  await shown.composer.waitFor();
  shown.screen.expects(/401 \(Unauthorized\)/, /WebSocket connection/);
  shop.answer(path, other.token);
  await write(seller, buyer, "Before");
  await shown.sees("Before");
  await buyer.rest.post("/v1/users/logout");
  await write(seller, other, "After");
  await shown.sees("After");
  await shown.composer.fill("Still here");
  await shown.composer.press("Enter");
  await shown.sees("Still here");
  for (const frame of shown.screen.page.frames()) {
    const kept = await frame.evaluate(() => localStorage.length + sessionStorage.length + document.cookie.length);
    assert.equal(kept, 0, frame.url());
  }
});

scene("an invalid token is reported in a sentence, with a way to continue", async (scene) => {
  const [buyer, seller] = await two(scene);
  const path = `/token${buyer.id}`;
  shop.answer(path, "not-a-token");
  const script = `ChatServer.widget({
    getToken: async () => (await fetch("${path}")).text(), to: { user: ${seller.id} }, open: true,
  });`;
  const shown = await enter(scene, "", { script });
  shown.screen.expects(/401 \(Unauthorized\)/, /WebSocket connection/);
  await shown.window.getByText(say.window.unauthorized).waitFor();
  shop.answer(path, buyer.token);
  await shown.window.getByRole("button", { name: say.window.again }).click();
  await shown.composer.waitFor();
});

scene("a group is shown only to its members", async (scene) => {
  const [buyer, seller] = await two(scene);
  const group = await seller.rest.post("/v1/groups", { body: { name: "Sellers" } });
  const shown = await enter(scene, `data-token="${seller.token}" data-to-group="${group.id}" data-open`);
  await shown.composer.fill("Hello all");
  await shown.composer.press("Enter");
  await shown.sees("Hello all");
  const outside = await enter(scene, `data-token="${buyer.token}" data-to-group="${group.id}" data-open`);
  await outside.window.getByText(say.window.notMember).waitFor();
});

scene("a picture of another site is loaded only on request", async (scene) => {
  const [buyer, seller] = await two(scene);
  const shown = await enter(scene, `data-token="${buyer.token}" data-to-user="${seller.id}" data-open`);
  const media = [{ url: "https://pictures.example/gouda.png", type: "image" }];
  const path = { userID: buyer.id };
  await seller.rest.post("/v1/messages/p2p/{userID}", { path, body: { content: "Gouda", media } });
  await shown.sees("Gouda");
  await shown.window.getByText("pictures.example").waitFor();
  await shown.window.getByRole("button", { name: say.actions.showPicture }).waitFor();
});

scene("on a phone the window fills the screen; axe finds nothing, light and dark", async (scene) => {
  const [buyer, seller] = await two(scene);
  await write(seller, buyer, "Hello");
  const attributes = `data-token="${buyer.token}" data-to-user="${seller.id}"`;
  for (const theme of ["light", "dark"] as const) {
    const shown = await enter(scene, attributes, { width: 360, height: 640, theme });
    await shown.isNamed(theme === "light" ? words.openWith(1) : words.open);
    assert.deepEqual(await findings(shown.screen), []);
    await shown.button.click();
    await shown.sees("Hello");
    const box = await shown.dialog.boundingBox();
    assert.deepEqual(box, { x: 0, y: 0, width: 360, height: 640 });
    for (const frame of shown.screen.page.frames()) assert.deepEqual(await findings(shown.screen, frame), []);
    await eventually(async () => {
      const { conversations } = await buyer.rest.get("/v1/conversations");
      assert.equal(conversations[0]?.unread, 0);
    });
    await shown.window.getByRole("button", { name: say.window.close }).click();
    await shown.dialog.waitFor({ state: "hidden" });
  }
});

scene("a page that the server does not allow shows no chat and reads no answers", async (scene) => {
  const [buyer, seller] = await two(scene);
  const script = `
    window.asked = fetch("${scene.server.url}/v1/test-auth", { headers: { authorization: "Bearer ${buyer.token}" } })
      .then((answer) => String(answer.status), () => "refused");`;
  const ask = ({ screen }: WidgetScreen): Promise<unknown> =>
    screen.page.evaluate(() => (window as unknown as { asked: Promise<string> }).asked);
  const attributes = `data-token="${buyer.token}" data-to-user="${seller.id}" data-open`;
  const known = await enter(scene, attributes, { script });
  await known.composer.waitFor();
  assert.equal(await ask(known), "200");
  const unknown = await enter(scene, attributes, { script, from: stranger });
  unknown.screen.expects(
    /frame-ancestors/,
    /CORS policy/,
    /net::ERR_FAILED/,
    /ALLOWED_ORIGINS/,
    /ERR_BLOCKED_BY_RESPONSE/,
  );
  assert.equal(await ask(unknown), "refused");
  await unknown.screen.page.getByText(words.failed).waitFor();
  assert.equal(await unknown.window.getByRole("textbox").count(), 0);
});

scene("failures are reported to the page's developer, and the page continues", async (scene) => {
  const script = `
    for (const options of [{ to: { user: 2 } }, { token: "t" }, { token: "t", to: {} }, { token: "t", to: { user: "2" } },
      { token: "t", to: { user: 1, group: 1 } }]) {
      try { ChatServer.widget(options); } catch (error) { document.title += error.name; }
    }
    const shown = ChatServer.widget({ token: "t", to: { user: 2 } });
    shown.destroy();`;
  const shown = await enter(scene, "", { script });
  await eventually(async () => assert.equal(await shown.screen.page.title(), `Shop${"TypeError".repeat(5)}`));
  assert.equal(await shown.screen.page.locator("chatserver-widget").count(), 0);
});

scene("the example works unchanged", async ({ server, visit, person }) => {
  const page = await readFile(EXAMPLE, "utf8");
  shop.plainPage("/widget.html", page.replaceAll("http://localhost:8080", server.url));
  const shown = new WidgetScreen(await visit({ origin: shop.origin, path: "/widget.html" }));
  await shown.button.click();
  await shown.composer.fill("Is there cheese, as in the example?");
  await shown.composer.press("Enter");
  await shown.sees("Is there cheese, as in the example?");
  const [tom, jerry] = [await person("tom"), await person("jerry")];
  await shown.window.getByRole("button", { name: say.window.close }).click();
  await write(jerry, tom, "There is.");
  await eventually(async () => assert.match(await shown.screen.page.title(), /^\(\d+\) Cheese shop$/));
});
