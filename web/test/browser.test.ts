/** Behaviour that users expect of a web page: links, tabs, the back button, copying, pasting and dropping. */

import assert from "node:assert/strict";
import type { Locator } from "playwright-core";
import { say } from "../src/strings.js";
import { eventually } from "./support/eventually.js";
import { PASSWORD } from "./support/people.js";
import { scene } from "./support/scene.js";
import type { Screen } from "./support/screen.js";

const hash = ({ page }: Screen): string => new URL(page.url()).hash;

scene("a link to a message leads there through the sign-in page, and the back button leads out", async (at) => {
  const [writer, reader] = [await at.newPerson("linker"), await at.newPerson("visitor")];
  const path = { userID: reader.id };
  const write = (content: string) => writer.rest.post("/v1/messages/p2p/{userID}", { path, body: { content } });
  const { id, conversation_id } = await write("The place in question");
  for (let number = 0; number < 60; number += 1) await write(`Later ${number}`);
  const screen = await at.visit({ path: `/#/c/${conversation_id}/m/${id}` });
  await screen.signIn("  visitor ", PASSWORD);
  await screen.isInView("The place in question");
  assert.equal(hash(screen), `#/c/${conversation_id}`);

  // From elsewhere in the client it works the same way, and one step back is enough.
  await screen.page.evaluate(() => (location.hash = "#/"));
  await screen.conversation.getByText(say.messages.none).waitFor();
  await screen.page.evaluate((link) => (location.hash = link), `#/c/${conversation_id}/m/${id}`);
  await screen.isInView("The place in question");
  await screen.page.goBack();
  await screen.conversation.getByText(say.messages.none).waitFor();
  await screen.page.goForward();
  await screen.composer.waitFor();
});

scene("the back button retraces the user's steps out of the client", async ({ enter, newPerson }) => {
  const [guest, host] = [await newPerson("passer"), await newPerson("innkeeper")];
  await host.rest.post("/v1/messages/p2p/{userID}", { path: { userID: guest.id }, body: { content: "Come in" } });
  const screen = await enter(guest);
  await screen.openRow("innkeeper");
  await screen.page.goBack();
  await screen.conversation.getByText(say.messages.none).waitFor();
  await screen.page.goBack();
  assert.equal(screen.page.url(), "about:blank");
});

scene("signing in or out in one tab does so in the others", async ({ visit, newPerson }) => {
  await newPerson("tabber");
  const one = await visit();
  const other = await one.anotherTab();
  await other.signInPage.waitFor();
  await one.signIn("tabber", PASSWORD);
  for (const screen of [one, other]) await screen.inside.waitFor();
  other.expects(/401 \(Unauthorized\)/, /WebSocket connection/);
  await one.signOut();
  for (const screen of [one, other]) await screen.signInPage.waitFor();
  assert.equal(await other.page.getByText(say.front.signedOut).count(), 0, "nothing has ended by itself");
});

scene("changing the password keeps the other tabs of this browser signed in", async ({ enter, newPerson }) => {
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

scene("a conversation opens in a new tab like a link", async ({ enter, newPerson }) => {
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

/** Pastes or drops data on an element. Returns whether the browser's default action was prevented. */
function bring(where: Locator, type: "paste" | "drop", text: string | undefined): Promise<boolean> {
  const bringing = { type, text };
  return where.evaluate((element, { type, text }) => {
    const data = new DataTransfer();
    if (text === undefined) data.items.add(new File(["picture"], "picture.png", { type: "image/png" }));
    else data.setData("text/plain", text);
    const how = { bubbles: true, cancelable: true };
    const event =
      type === "paste"
        ? new ClipboardEvent(type, { clipboardData: data, ...how })
        : new DragEvent(type, { dataTransfer: data, ...how });
    element.dispatchEvent(event);
    return event.defaultPrevented;
  }, bringing);
}

scene("files are declined with a notice, and a pasted address makes a link", async ({ enter, newPerson }) => {
  const [writer, friend] = [await newPerson("paster"), await newPerson("pastee")];
  const screen = await enter(writer);
  await screen.openUser(friend.id);
  const dismiss = async (): Promise<void> => {
    await screen.showsNotice(say.composer.noFiles);
    await screen.button(say.design.dismiss).click();
  };
  assert.ok(await bring(screen.composer, "paste", undefined));
  await dismiss();
  assert.ok(await bring(screen.list.or(screen.conversation).first(), "drop", undefined));
  await dismiss();

  await screen.composer.fill("See the manual.");
  const choose = (from: number, to: number): Promise<void> =>
    screen.composer.evaluate(
      (field, [from, to]) => (field as HTMLTextAreaElement).setSelectionRange(from!, to!),
      [from, to],
    );
  await choose(8, 14);
  assert.ok(await bring(screen.composer, "paste", "https://example.com/manual"));
  assert.equal(await screen.composer.inputValue(), "See the [manual](https://example.com/manual).");
  await choose(0, 3);
  assert.ok(!(await bring(screen.composer, "paste", "no address")), "the browser pastes it");
});

scene("a key that ends a composition sends nothing", async ({ enter, newPerson }) => {
  const [writer, friend] = [await newPerson("composer"), await newPerson("audience")];
  const screen = await enter(writer);
  await screen.openUser(friend.id);
  await screen.composer.fill("日本");
  for (const how of [{ isComposing: true }, { keyCode: 229 }]) {
    await screen.composer.evaluate(
      (field, how) =>
        field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...how })),
      how,
    );
    assert.equal(await screen.composer.inputValue(), "日本");
  }
  await screen.composer.press("Enter");
  await screen.sees("日本");
});

scene("texts are copied even without a clipboard API", async ({ enter, newPerson }) => {
  const [writer, friend] = [await newPerson("copier"), await newPerson("original")];
  const screen = await enter(writer);
  await screen.openUser(friend.id);
  await screen.send("Copy **this**");
  await screen.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await screen.page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined, writable: true }));
  await screen.chooseOf("Copy this", say.actions.copyText);
  await screen.showsNotice(say.actions.copied);
  await screen.composer.press("ControlOrMeta+v");
  assert.equal(await screen.composer.inputValue(), "Copy **this**");
});

scene("several messages are copied with authors and times", async ({ enter, newPerson }) => {
  const [left, right] = [await newPerson("quoter"), await newPerson("quoted")];
  const write = (from: typeof left, to: typeof left, content: string) =>
    from.rest.post("/v1/messages/p2p/{userID}", { path: { userID: to.id }, body: { content } });
  await write(left, right, "**First** of all");
  await write(right, left, "And second");
  await write(right, left, "Third and last");
  const screen = await enter(left);
  await screen.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await screen.openRow("quoted");
  await screen.sees("Third and last");
  const text = (part: string): Locator => screen.list.getByText(new RegExp(`^${part}`)).last();
  /** Selects from the beginning of one element to the end of another, except `but` characters, and copies that. */
  const copied = async (from: Locator, to: Locator, but = 0): Promise<string> => {
    const last = await to.elementHandle();
    await from.evaluate(
      (first, { last, but }) => {
        const textIn = (node: Node): Text => document.createTreeWalker(node, NodeFilter.SHOW_TEXT).nextNode() as Text;
        const end = textIn(last!);
        getSelection()!.setBaseAndExtent(textIn(first), 0, end, end.length - but);
      },
      { last, but },
    );
    await screen.page.keyboard.press("ControlOrMeta+c");
    return screen.page.evaluate(() => navigator.clipboard.readText());
  };
  const all = await copied(text("First"), text("Third and last"));
  assert.match(
    all,
    /^quoter, [^:]+:\d\d[^:]*: \*\*First\*\* of all\nquoted, .*: And second\nquoted, .*: Third and last$/,
  );
  assert.match(await copied(text("And second"), text("Third and last"), 5), /: And second\nquoted, .*: Third and$/);
  assert.equal(await copied(text("And second"), text("And second")), "And second", "one alone as it is");
});

scene("typing without a focus writes in the composer, and an emptied message may be deleted", async (at) => {
  const [writer, friend] = [await at.newPerson("typer"), await at.newPerson("typee")];
  const screen = await at.enter(writer);
  await screen.openUser(friend.id);
  await screen.send("A slip");
  await screen.hasStatus("A slip", say.messages.sent);
  await screen.page.evaluate(() => (document.activeElement as HTMLElement).blur());
  await screen.page.keyboard.type("Anywhere");
  assert.equal(await screen.composer.inputValue(), "Anywhere");
  await screen.composer.fill("");
  await screen.composer.press("ArrowUp");
  await screen.composer.fill("");
  await screen.composer.press("Enter");
  await screen.dialog(say.actions.deleteTitle).getByRole("button", { name: say.actions.deleteForEveryone }).click();
  await screen.sees(say.messages.deleted);
  assert.equal(await screen.conversation.getByText(say.aids.editing).count(), 0);
});

scene("addresses that lead nowhere are reported", async ({ enter, newPerson }) => {
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
  // The message does not exist: the conversation is shown nevertheless.
  await goTo(`#/c/${sent.conversation_id}/m/99999`);
  await screen.showsNotice("Message not found");
  await screen.isInView("Here I am");
});
