/** The server stops while users write: nothing is lost and nothing is duplicated. */

import assert from "node:assert/strict";
import type { Locator, WebSocketRoute } from "playwright-core";
import { say } from "../src/strings.js";
import { eventually } from "./support/eventually.js";
import { PASSWORD } from "./support/people.js";
import { scene } from "./support/scene.js";
import type { Screen } from "./support/screen.js";

const KILLS = 5;

const banner = ({ page }: Screen) => page.getByText(say.workspace.offline).locator("visible=true").last();

scene("a server is killed five times while both write, and both screens end up the same", async (at) => {
  const [one, two] = [await at.newPerson("castor"), await at.newPerson("pollux")];
  const [left, right] = [await at.enter(one), await at.enter(two)];
  for (const screen of [left, right]) screen.expectsOutage();
  await left.openUser(two.id);
  await right.openUser(one.id);
  await left.send("Begin");
  await right.sees("Begin");
  const sent = ["Begin"];
  const write = async (screen: Screen, text: string): Promise<void> => {
    await screen.send(text);
    sent.push(text);
  };
  for (let kill = 1; kill <= KILLS; kill += 1) {
    await write(left, `Left before ${kill}`);
    await write(right, `Right before ${kill}`);
    await at.server.kill();
    for (const screen of [left, right]) await banner(screen).waitFor();
    await write(left, `Left without ${kill}`);
    await left.hasStatus(`Left without ${kill}`, say.messages.waiting);
    await write(right, `Right without ${kill}`);
    await right.hasStatus(`Right without ${kill}`, say.messages.waiting);
    await at.server.start();
    await write(left, `Left after ${kill}`);
    await write(right, `Right after ${kill}`);
    for (const screen of [left, right]) await banner(screen).waitFor({ state: "detached" });
    for (const [screen, from] of [
      [left, "Right"],
      [right, "Left"],
    ] as const) {
      await screen.sees(`${from} after ${kill}`);
    }
  }
  const conversation = Number(/\d+$/.exec(left.page.url())?.[0]);
  const path = { id: conversation };
  const { messages } = await one.rest.get("/v1/conversations/{id}/messages", { path, query: { limit: 100 } });
  const stored = messages.toSorted((a, b) => a.seq - b.seq).map(({ content }) => content);
  assert.deepEqual(stored.toSorted(), sent.toSorted());
  for (const screen of [left, right]) {
    await eventually(async () => assert.equal(await screen.list.getByLabel(say.messages.waiting).count(), 0));
    assert.deepEqual(await everything(screen), stored);
  }
});

/** Returns the texts of the rendered messages, from the top. */
async function texts(where: Locator): Promise<string[]> {
  const names = await where.getByRole("article").evaluateAll((all) => all.map(({ ariaLabel }) => ariaLabel!));
  return names.map((name) => name.split(": ").at(-1)!);
}

/** Returns the texts of all messages in the list, from the first to the last. */
async function everything(screen: Screen): Promise<string[]> {
  const seen = new Map<number, string>();
  await screen.scrollToStart(async () => {
    const rows = await screen.list
      .getByRole("article")
      .evaluateAll((all) =>
        all.map(({ ariaLabel, dataset }) => [Number(dataset["message"]), ariaLabel!.split(": ").at(-1)!] as const),
      );
    assert.equal(new Set(rows.map(([, text]) => text)).size, rows.length, "no text is there twice");
    for (const [id, text] of rows) seen.set(id, text);
  });
  return [...seen].toSorted(([a], [b]) => a - b).map(([, text]) => text);
}

scene("unsent messages survive a reload without a server, and are sent once", async ({ enter, newPerson }) => {
  const [sender, receiver] = [await newPerson("pigeon"), await newPerson("tower")];
  const screen = await enter(sender);
  screen.expectsOutage();
  await screen.openUser(receiver.id);
  await screen.send("First");
  await screen.hasStatus("First", say.messages.sent);

  // The page itself still loads, but the server's API does not answer.
  const context = screen.page.context();
  let isCut = false;
  const sockets = new Set<WebSocketRoute>();
  await context.route(/\/(?:v1|ws)\b/, (route) => (isCut ? route.abort("connectionrefused") : route.fallback()));
  await context.routeWebSocket(/\/ws\b/, (socket) => {
    if (isCut) return void socket.close();
    socket.connectToServer();
    sockets.add(socket);
  });
  await screen.page.reload();
  await screen.sees("First");
  isCut = true;
  for (const socket of sockets) await socket.close();
  await banner(screen).waitFor();
  await screen.send("Second");
  await screen.hasStatus("Second", say.messages.waiting);
  await screen.page.reload();
  await screen.hasStatus("Second", say.messages.waiting);
  await screen.send("Third");
  await screen.hasStatus("Third", say.messages.waiting);
  await screen.page.reload();
  for (const text of ["Second", "Third"]) await screen.hasStatus(text, say.messages.waiting);
  await banner(screen).waitFor();

  isCut = false;
  for (const text of ["Second", "Third"]) {
    await screen.hasStatus(text, say.messages.sent);
    await screen.sees(text);
  }
  const other = await enter(receiver);
  await other.openRow("pigeon");
  for (const text of ["First", "Second", "Third"]) await other.sees(text);
});

scene("a reload without a server shows the stored state and unsent messages, which are sent once", async (at) => {
  const [sender, receiver] = [await at.newPerson("mole"), await at.newPerson("badger")];
  const [screen, other] = [await at.enter(sender), await at.enter(receiver)];
  screen.expectsOutage();
  await screen.openUser(receiver.id);
  await screen.send("First");
  await other.openRow("mole");
  await other.sees("First");
  await screen.isCached();

  await at.server.kill();
  await banner(screen).waitFor();
  await screen.send("Second");
  await screen.page.reload();
  await screen.hasStatus("Second", say.messages.waiting);
  await screen.send("Third");
  await screen.hasStatus("Third", say.messages.waiting);
  await screen.page.reload();
  await banner(screen).waitFor();
  await screen.row("badger").waitFor();
  await screen.conversation.getByRole("region", { name: say.messages.conversation("badger") }).waitFor();
  // Code that is loaded on demand is cached, too.
  await screen.chooseOfAccount(say.conversations.settings);
  await screen.dialog(say.settings.title).waitFor();
  await screen.page.keyboard.press("Escape");
  await screen.send("Fourth");
  const waiting = ["Second", "Third", "Fourth"];
  for (const text of waiting) await screen.hasStatus(text, say.messages.waiting);
  const all = ["First", ...waiting];
  assert.deepEqual(await texts(screen.conversation), all);

  await at.server.start();
  for (const { conversation } of [screen, other]) {
    await eventually(async () => assert.deepEqual(await texts(conversation), all));
  }
  await eventually(async () => assert.equal(await screen.list.getByLabel(say.messages.waiting).count(), 0));
});

scene("a name that failed to load is requested again when the server is back", async (at) => {
  const [reader, writer] = [await at.newPerson("beacon"), await at.newPerson("keeper")];
  await writer.rest.post("/v1/messages/p2p/{userID}", { path: { userID: reader.id }, body: { content: "Light" } });
  const screen = await at.visit();
  screen.expectsOutage();
  screen.expects(/status of 503/);
  // Everything works except requests for users.
  let isAway = true;
  await screen.page.context().route(/\/v1\/users\/\d+$/, (route) => {
    return isAway ? route.fulfill({ status: 503, json: { error: "later", temporary: true } }) : route.fallback();
  });
  await screen.signIn(reader.username, PASSWORD);
  await screen.row(`#${writer.id}`).waitFor();
  isAway = false;
  await at.server.restart();
  await screen.row(writer.username).waitFor();
});
