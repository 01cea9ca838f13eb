// Renews the screenshots of the README: starts a server, lets a few users talk, and takes pictures of their screens.
// Usage: npm run screenshots -w web [-- terminal]; `terminal` renews only the one of the terminal client. Needs what
// the end-to-end tests need (test.mjs), tmux, and fonts with emoji.

import { login, Rest } from "chatserver-client";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { launchBrowser } from "./browser.mjs";
import { program, startServer } from "./server.mjs";
import { terminal } from "./terminal.mjs";

const images = fileURLToPath(new URL("../../docs/images", import.meta.url));
const PASSWORD = "password123";

const GROUP = "Cheese club";

/** The messages of the group, with their authors. The numbers refer to lines. */
const TALK = [
  ["nibbles", "Good morning, everybody!"],
  ["butch", "Morning. Who brings what on **Saturday**?"],
  ["jerry", "I have a whole Gouda. It is _bigger than I am_."],
  ["toodles", "Bread and grapes from me.", { reactions: { "❤️": ["jerry", "nibbles"], "👍": ["butch"] } }],
  ["tom", "And I bring an appetite.", { reply: 1, reactions: { "😂": ["jerry", "butch", "toodles", "nibbles"] } }],
  ["nibbles", "The list so far:\n\n- Gouda\n- bread, grapes\n- appetite", { pin: "butch" }],
  [
    "butch",
    "Where do we meet?",
    {
      thread: [
        ["jerry", "Under the oak?"],
        ["toodles", "At noon?"],
        ["jerry", "Fine!"],
      ],
    },
  ],
  ["jerry", "@tom, you may come, too. *If* you leave the mousetrap at home.", { mentions: ["tom"] }],
  ["tom", "It is a deal. 🤝", { reactions: { "🎉": ["jerry", "nibbles", "toodles"] } }],
];

const DIRECT = [
  ["tom", "Is there cheese?"],
  ["jerry", "There is **always** cheese.", { reactions: { "🧀": ["tom"] } }],
  ["tom", "I could come over and have a look. Only a look!"],
  ["jerry", "The last time you *only looked*, we had no kitchen any more.", { reply: 2 }],
  ["tom", "That was the dog."],
];

const ELSEWHERE = [
  ["spike", "Keep away from my boy. I mean it."],
  ["toodles", "Are you coming to the concert tonight? 🎻"],
  ["butch", "Found your hat."],
];

/** Creates everybody, by name, with their REST client. */
async function createUsers(url) {
  const people = {};
  for (const name of ["tom", "jerry", "spike", "butch", "toodles", "nibbles"]) {
    if (name !== "tom" && name !== "jerry") {
      const body = { username: name, email: `${name}@example.com`, password: PASSWORD };
      await new Rest({ url }).post("/v1/users/register", { body });
    }
    const { token } = await login(url, { username: name, password: PASSWORD });
    const rest = new Rest({ url, token: () => token });
    people[name] = { name, token, rest, id: (await rest.get("/v1/test-auth")).user_id };
  }
  return people;
}

/** Sends the lines. Everybody who speaks has read everything. */
async function play(people, lines, write) {
  const sent = [];
  let last;
  for (const [name, content, { reply, mentions = [], reactions = {}, pin, thread = [] } = {}] of lines) {
    const body = { content };
    if (reply !== undefined) body.reply_to = sent[reply];
    if (mentions.length > 0) body.mentions = mentions.map((one) => people[one].id);
    last = await write(people[name], body);
    const { id } = last;
    sent.push(id);
    for (const [emoji, all] of Object.entries(reactions)) {
      for (const one of all) await people[one].rest.put("/v1/messages/{id}/reactions/{emoji}", { path: { id, emoji } });
    }
    if (pin !== undefined) await people[pin].rest.put("/v1/messages/{id}/pin", { path: { id } });
    for (const [one, text] of thread) await write(people[one], { content: text, thread_id: id });
  }
  const path = { id: last.conversation_id };
  for (const name of new Set(lines.map(([one]) => one))) {
    await people[name].rest.post("/v1/conversations/{id}/read", { path, body: { seq: last.seq } });
  }
}

async function createConversations(people) {
  const { tom, jerry } = people;
  for (const [name, content] of ELSEWHERE) {
    const { rest } = people[name];
    await rest.post("/v1/messages/p2p/{userID}", { path: { userID: tom.id }, body: { content } });
  }
  const { group_id } = await jerry.rest.post("/v1/groups", { body: { name: GROUP } });
  for (const { id } of Object.values(people).filter((one) => one !== jerry)) {
    await jerry.rest.post("/v1/groups/{id}/members", { path: { id: group_id }, body: { user_id: id } });
  }
  await play(people, TALK, ({ rest }, body) =>
    rest.post("/v1/messages/group/{groupID}", { path: { groupID: group_id }, body }),
  );
  await play(people, DIRECT, (one, body) => {
    const userID = (one === tom ? jerry : tom).id;
    return one.rest.post("/v1/messages/p2p/{userID}", { path: { userID }, body });
  });
}

async function openSignedIn(browser, url, { token, name }, { width = 1280, height = 760, theme = "light" } = {}) {
  const session = { name: "chatserver.session", value: JSON.stringify({ token, username: name }) };
  const context = await browser.newContext({
    viewport: { width, height },
    deviceScaleFactor: width < 500 ? 1.5 : 1,
    colorScheme: theme,
    reducedMotion: "reduce",
    locale: "en-GB",
    storageState: { cookies: [], origins: [{ origin: url, localStorage: [session] }] },
  });
  const page = await context.newPage();
  await page.goto(url);
  await page.getByRole("navigation").waitFor();
  return page;
}

const openConversation = (page, name) => page.getByRole("navigation").getByText(name, { exact: true }).first().click();
const shot = (page, name) => page.screenshot({ path: join(images, `${name}.png`) });

/** The group, with a thread beside it. */
async function group(page) {
  await openConversation(page, GROUP);
  await page.getByRole("article", { name: /It is a deal/ }).waitFor();
  await page.getByRole("button", { name: /3 replies/ }).click();
  await page.getByText("Under the oak?").waitFor();
  await page.mouse.move(5, 500);
  await page.waitForTimeout(800);
}

async function takeScreenshots(browser, url, { tom, jerry, butch }) {
  // The users who are online.
  await Promise.all([jerry, butch].map((one) => openSignedIn(browser, url, one)));
  for (const [name, theme] of [
    ["workspace", "light"],
    ["workspace-dark", "dark"],
  ]) {
    const page = await openSignedIn(browser, url, tom, { theme });
    await group(page);
    await shot(page, name);
    await page.context().close();
  }
  const phone = await openSignedIn(browser, url, tom, { width: 390, height: 780 });
  await openConversation(phone, "jerry");
  await phone.getByRole("article", { name: /the dog\.$/ }).waitFor();
  await phone.waitForTimeout(800);
  await shot(phone, "phone");

  const context = await browser.newContext({
    viewport: { width: 1280, height: 720 },
    reducedMotion: "reduce",
    locale: "en-GB",
  });
  const both = await context.newPage();
  await both.goto(`${url}/#/demo`);
  const panes = both.getByRole("group", { name: /^What / });
  await panes
    .nth(1)
    .getByRole("article", { name: /the dog\.$/ })
    .waitFor();
  const fields = panes.getByRole("textbox").and(both.locator("textarea"));
  await fields.nth(1).pressSequentially("Dogs do not", { delay: 30 });
  await panes
    .nth(0)
    .getByText(/typing/)
    .locator("visible=true")
    .first()
    .waitFor();
  await both.waitForTimeout(300);
  await shot(both, "side-by-side");
}

const folder = mkdtempSync(join(tmpdir(), "chatserver-screenshots-"));
mkdirSync(images, { recursive: true });
const { child, url } = await startServer(folder);
const browser = await launchBrowser();
try {
  const people = await createUsers(url);
  await createConversations(people);
  await terminal(browser, { program, url, group: GROUP, file: join(images, "terminal.png") });
  if (process.argv[2] !== "terminal") await takeScreenshots(browser, url, people);
} finally {
  await browser.close();
  child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
