/**
 * The client on a user's screen: what the user does and sees. Everything that tests know of its markup is here, by role
 * and by the client's own texts.
 */

import assert from "node:assert/strict";
import type { Locator, Page } from "playwright-core";
import { say } from "../../src/strings.js";
import { OUTAGE_ERRORS, type Problems } from "./problems.js";
import { eventually } from "./eventually.js";

/** Key that stays stored after signing out: the theme on this device. */
const THEME_KEY = "chatserver.look";

export class Screen {
  readonly page: Page;
  readonly #problems: Problems;

  constructor(page: Page, problems: Problems) {
    this.page = page;
    this.#problems = problems;
  }

  /** Allows problems on this screen that the test is about; see `problems.ts`. */
  expects(...patterns: RegExp[]): void {
    this.#problems.expect(...patterns);
  }

  /** Allows the errors that browsers report while the server is away. */
  expectsOutage(): void {
    this.expects(...OUTAGE_ERRORS);
  }

  // ---- the sign-in page

  get signInPage(): Locator {
    return this.page.getByRole("main").getByRole("heading", { level: 1, name: say.front.title });
  }

  /** Returns the field with a label. The button that reveals a password may contain the same word. */
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

  /** The error message. */
  get alert(): Locator {
    return this.page.getByRole("alert");
  }

  // ---- inside

  /** The client of a signed-in user. */
  get inside(): Locator {
    return this.page.getByRole("navigation");
  }

  /** The open conversation. */
  get conversation(): Locator {
    return this.page.getByRole("main");
  }

  /** The composer: the first textarea. */
  get composer(): Locator {
    return this.page.getByRole("textbox").and(this.page.locator("textarea")).first();
  }

  /** The composer of the open thread. */
  get threadComposer(): Locator {
    return this.panel("thread").getByRole("textbox");
  }

  /** The messages of the open conversation. */
  get list(): Locator {
    return this.conversation.getByRole("log", { name: say.messages.list("") });
  }

  /** The panel beside the conversation. */
  panel(kind: keyof typeof say.panel.titles): Locator {
    return this.conversation.getByRole("region", { name: say.panel.titles[kind], exact: true });
  }

  /** A dialog above everything. */
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

  /** A conversation in the list, by its name. */
  row(name: string): Locator {
    return this.inside.getByRole("listitem").filter({ has: this.page.getByText(name, { exact: true }) });
  }

  async openRow(name: string): Promise<void> {
    await this.row(name).getByRole("button").first().click();
    await this.composer.waitFor();
  }

  /** Chooses an item of a conversation's menu in the list. */
  async chooseOfRow(name: string, what: string): Promise<void> {
    await this.row(name).click({ button: "right" });
    await this.choose(what);
  }

  /** Chooses an item of the open menu. */
  async choose(what: string): Promise<void> {
    await this.page.getByRole("menuitem", { name: what, exact: true }).click();
  }

  /** Chooses an item of the user's own menu. */
  async chooseOfAccount(what: string): Promise<void> {
    await this.inside.getByRole("button", { name: say.conversations.ownMenu }).click();
    await this.choose(what);
  }

  /** Uses an action in the head of the conversation, which narrow screens have in a menu. */
  async chooseOfHead(what: string): Promise<void> {
    if (await this.button(what).isVisible()) return this.button(what).click();
    await this.button(say.messages.more).click();
    await this.choose(what);
  }

  /** Chooses an item of a message's menu. */
  async chooseOf(text: string, what: string): Promise<void> {
    await this.message(text, this.list).hover();
    await this.message(text, this.list).getByRole("button", { name: say.actions.all, exact: true }).click();
    await this.choose(what);
  }

  /** A message in the open conversation: its accessible name ends in its text. */
  message(text: string, where: Locator = this.conversation): Locator {
    return where.getByRole("article", { name: new RegExp(`: ${text.replace(/[^\w\s]/g, "\\$&")}$`) });
  }

  /** Waits until there is exactly one such message. */
  async sees(text: string): Promise<void> {
    await this.message(text).first().waitFor();
    await eventually(async () => assert.equal(await this.message(text).count(), 1, `“${text}” is there once`));
  }

  /** Scrolls from the newest message to the first, and calls `look` at each stop. */
  async scrollToStart(look: () => Promise<void>): Promise<void> {
    const list = this.conversation.getByRole("log");
    // New rows are drawn in the frame after the scroll event.
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

  /** Waits for the delivery status of an own message. */
  async hasStatus(text: string, how: string): Promise<void> {
    await this.message(text).first().getByLabel(how, { exact: true }).waitFor();
  }

  /** Waits until a message is in view. */
  async isInView(text: string): Promise<void> {
    const message = this.message(text, this.list);
    await message.waitFor();
    await eventually(async () => {
      const [box, list] = [await message.boundingBox(), await this.list.boundingBox()];
      assert.ok(box !== null && list !== null && box.y >= list.y && box.y < list.y + list.height, `“${text}” is seen`);
    });
  }

  /** Waits for a notice of the client. */
  async showsNotice(notice: string): Promise<void> {
    await this.page.getByRole("status").getByText(notice, { exact: true }).first().waitFor();
  }

  /** Signs out by the user's own menu. */
  async signOut(): Promise<void> {
    await this.chooseOfAccount(say.conversations.signOut);
  }

  /** Opens another tab of the same browser. */
  async anotherTab(address = ""): Promise<Screen> {
    const page = await this.page.context().newPage();
    await page.goto(new URL(address, this.page.url()).href);
    return new Screen(page, this.#problems);
  }

  // ---- what the browser stores

  /** Waits until the client would start without a network. */
  async isCached(): Promise<void> {
    await this.page.evaluate(async () => void (await navigator.serviceWorker.ready));
  }

  /** Returns the keys of everything stored, except the theme. */
  async storedKeys(): Promise<string[]> {
    const names = await this.page.evaluate(() => [...Object.keys(localStorage), ...Object.keys(sessionStorage)]);
    return names.filter((name) => name !== THEME_KEY);
  }
}
