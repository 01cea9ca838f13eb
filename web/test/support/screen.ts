/**
 * The client on somebody's screen: what a person does there and sees there. All that the tests know of its markup is here,
 * by role and by the client's own words.
 */

import assert from "node:assert/strict";
import type { Locator, Page } from "playwright-core";
import { say } from "../../src/strings.js";
import { BREAKS, type Complaints } from "./complaints.js";
import { eventually } from "./eventually.js";

/** What the client leaves when somebody signs out: how it is to look on this device. */
const LOOK = "chatserver.look";

export class Screen {
  readonly page: Page;
  readonly #complaints: Complaints;

  constructor(page: Page, complaints: Complaints) {
    this.page = page;
    this.#complaints = complaints;
  }

  /** What may be found wrong on this screen, since the test is about it: see `complaints.ts`. */
  expects(...patterns: RegExp[]): void {
    this.#complaints.expect(...patterns);
  }

  /** The server goes away in this test, and the browser says so. */
  expectsBreaks(): void {
    this.expects(...BREAKS);
  }

  // ---- the front door

  get frontDoor(): Locator {
    return this.page.getByRole("main").getByRole("heading", { level: 1, name: say.front.title });
  }

  /** Beside the field that has its label, a button that shows what is written may bear the word. */
  field(label: string): Locator {
    return this.page.getByRole("main").getByLabel(label, { exact: true });
  }

  button(name: string): Locator {
    return this.page.getByRole("button", { name, exact: true });
  }

  async signIn(name: string, password: string): Promise<void> {
    await this.field(say.front.usernameOrEmail).fill(name);
    await this.field(say.front.password).fill(password);
    await this.page.keyboard.press("Enter");
  }

  /** Says what was wrong. */
  get alert(): Locator {
    return this.page.getByRole("alert");
  }

  // ---- inside

  /** The client of somebody who is signed in. */
  get inside(): Locator {
    return this.page.getByRole("navigation");
  }

  /** The conversation that is open. */
  get conversation(): Locator {
    return this.page.getByRole("main");
  }

  /** Where one writes: of the fields of several lines the first one. */
  get composer(): Locator {
    return this.page.getByRole("textbox").and(this.page.locator("textarea")).first();
  }

  /** Where one writes in the thread that is open. */
  get threadComposer(): Locator {
    return this.panel("thread").getByRole("textbox");
  }

  /** The messages of the conversation that is open. */
  get list(): Locator {
    return this.conversation.getByRole("log", { name: say.messages.list("") });
  }

  /** What stands beside the conversation. */
  panel(kind: keyof typeof say.panel.titles): Locator {
    return this.conversation.getByRole("region", { name: say.panel.titles[kind], exact: true });
  }

  /** What stands over everything. */
  dialog(title: string): Locator {
    return this.page.getByRole("dialog", { name: title, exact: true });
  }

  /** Opens the conversation with a user by its address. */
  async openUser(user: number): Promise<void> {
    await this.#goTo(`#/u/${user}`);
    await this.composer.waitFor();
  }

  /** Opens a conversation by its address. */
  async openConversation(conversation: number): Promise<void> {
    await this.#goTo(`#/c/${conversation}`);
    await this.composer.waitFor();
  }

  async #goTo(address: string): Promise<void> {
    await this.inside.waitFor({ state: "attached" });
    await this.page.evaluate((hash) => (location.hash = hash), address);
  }

  async send(text: string, composer: Locator = this.composer): Promise<void> {
    await composer.fill(text);
    await composer.press("Enter");
  }

  /** A conversation in the list of them, by its name. */
  row(name: string): Locator {
    return this.inside.getByRole("listitem").filter({ has: this.page.getByText(name, { exact: true }) });
  }

  async openRow(name: string): Promise<void> {
    await this.row(name).getByRole("button").first().click();
    await this.composer.waitFor();
  }

  /** Does something by the menu of a conversation in the list. */
  async chooseOfRow(name: string, what: string): Promise<void> {
    await this.row(name).click({ button: "right" });
    await this.choose(what);
  }

  /** Does something by the menu that is open. */
  async choose(what: string): Promise<void> {
    await this.page.getByRole("menuitem", { name: what, exact: true }).click();
  }

  /** Does something by the menu of one's own account. */
  async chooseOfAccount(what: string): Promise<void> {
    await this.inside.getByRole("button", { name: say.conversations.ownMenu }).click();
    await this.choose(what);
  }

  /** Does something by the head of the conversation, where a narrow screen has a menu in place of buttons. */
  async chooseOfHead(what: string): Promise<void> {
    if (await this.button(what).isVisible()) return this.button(what).click();
    await this.button(say.messages.more).click();
    await this.choose(what);
  }

  /** Does something by the menu of a message. */
  async chooseOf(text: string, what: string): Promise<void> {
    await this.message(text, this.list).hover();
    await this.message(text, this.list).getByRole("button", { name: say.actions.all, exact: true }).click();
    await this.choose(what);
  }

  /** A message with this text, in the conversation that is open: its name ends in what it says. */
  message(text: string, where: Locator = this.conversation): Locator {
    return where.getByRole("article", { name: new RegExp(`: ${text.replace(/[^\w\s]/g, "\\$&")}$`) });
  }

  /** Waits until there is one such message, and no more than one. */
  async sees(text: string): Promise<void> {
    await this.message(text).first().waitFor();
    await eventually(async () => assert.equal(await this.message(text).count(), 1, `“${text}” is there once`));
  }

  /** Goes from the newest message to the first one, and has a look wherever it stops. */
  async lookBack(look: () => Promise<void>): Promise<void> {
    const list = this.conversation.getByRole("log");
    // What has come into sight is drawn in the frame after the one that tells of scrolling.
    const up = (): Promise<boolean> =>
      list.evaluate(async (log) => {
        log.scrollBy(0, -log.clientHeight);
        for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
        return log.scrollTop > 0;
      });
    for (let hasMore = true; hasMore;) {
      await look();
      hasMore = await up();
    }
    await look();
  }

  /** How far one's own message has come. */
  async isMarked(text: string, how: string): Promise<void> {
    await this.message(text).first().getByLabel(how, { exact: true }).waitFor();
  }

  /** Waits until a message is where one sees it. */
  async isInSight(text: string): Promise<void> {
    const message = this.message(text, this.list);
    await message.waitFor();
    await eventually(async () => {
      const [box, list] = [await message.boundingBox(), await this.list.boundingBox()];
      assert.ok(box !== null && list !== null && box.y >= list.y && box.y < list.y + list.height, `“${text}” is seen`);
    });
  }

  /** What the client says by itself, for a moment. */
  async isTold(notice: string): Promise<void> {
    await this.page.getByRole("status").getByText(notice, { exact: true }).first().waitFor();
  }

  /** Ends the session by the menu of one's own account. */
  async signOut(): Promise<void> {
    await this.chooseOfAccount(say.conversations.signOut);
  }

  /** Another tab of the same browser. */
  async anotherTab(address = ""): Promise<Screen> {
    const page = await this.page.context().newPage();
    await page.goto(new URL(address, this.page.url()).href);
    return new Screen(page, this.#complaints);
  }

  // ---- what the browser keeps

  /** Waits until the client would be there without a network. */
  async isKept(): Promise<void> {
    await this.page.evaluate(async () => void (await navigator.serviceWorker.ready));
  }

  /** The names of all that is kept, how it is to look aside. */
  async kept(): Promise<string[]> {
    const names = await this.page.evaluate(() => [...Object.keys(localStorage), ...Object.keys(sessionStorage)]);
    return names.filter((name) => name !== LOOK);
  }
}
