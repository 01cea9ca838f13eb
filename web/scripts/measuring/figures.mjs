// The measurements. Each returns an object of numbers by name; times are in milliseconds.

import { BUSY, conversationOf, person } from "./fixture.mjs";
import { newPage, shown } from "./screens.mjs";
import { recordProfile, trace } from "./trace.mjs";

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** Pause that separates a measurement from the page's activity before it. */
const REST_MS = 1000;

async function closing(page, work) {
  try {
    return await work(page);
  } finally {
    await page.context().close();
  }
}

/** From opening the URL to the sign-in page, with an empty and with a filled cache. */
export async function signIn({ browser, url }) {
  return closing(await newPage(browser, url, undefined, ["signIn"]), async (page) => {
    await page.goto(url);
    const { signIn: first } = await shown(page);
    await page.reload();
    return { first, again: (await shown(page)).signIn };
  });
}

/** From a reload until the user can read and write. */
async function reloaded({ browser, url, profile }, who, conversation, name) {
  return closing(await newPage(browser, url, who, ["list", "conversation"]), async (page) => {
    await page.goto(`${url}/#/c/${conversation}`);
    await shown(page);
    await pause(REST_MS);
    let when;
    const reload = async () => {
      await page.reload();
      when = await shown(page);
    };
    const { cpu, longestCpu } = await trace(page, reload);
    if (profile !== undefined) profile(name, await recordProfile(page, reload));
    return { ...when, cpu, "longest task, CPU": longestCpu };
  });
}

export async function reload(context) {
  const tom = await person(context.url, "tom");
  const { id } = await conversationOf(tom, ({ kind }) => kind === "group");
  return reloaded(context, tom, id, "reload");
}

/** The same with very many conversations. */
export async function reloadOfMany(context) {
  const busy = await person(context.url, BUSY);
  const { id } = await conversationOf(busy, ({ kind }) => kind === "group");
  return reloaded(context, busy, id, "reload-of-many");
}

/** From Enter to the message on the other user's screen. */
export async function delivery({ browser, url }) {
  const MESSAGES = 20;
  const [tom, jerry] = await Promise.all(["tom", "jerry"].map((name) => person(url, name)));
  const { id, last_seq: seq } = await conversationOf(tom, ({ kind }) => kind === "direct");
  // Otherwise the reader's list would open at the first unread message of an earlier run, and not at the end.
  for (const { rest } of [tom, jerry]) await rest.post("/v1/conversations/{id}/read", { path: { id }, body: { seq } });
  const [sender, reader] = await Promise.all([tom, jerry].map((who) => newPage(browser, url, who, ["conversation"])));
  return closing(sender, () =>
    closing(reader, async () => {
      for (const page of [sender, reader]) {
        await page.goto(`${url}/#/c/${id}`);
        await shown(page);
      }
      await pause(REST_MS);
      const took = [];
      for (let index = 0; index < MESSAGES; index += 1) {
        const text = `message ${index} of ${Date.now()}`;
        await reader.evaluate(watchFor, text);
        await sender.locator("main textarea").fill(text);
        await sender.evaluate(watchKeys);
        await sender.keyboard.press("Enter");
        const [seen, entered] = await Promise.all([reader, sender].map((page) => page.evaluate(() => window.happened)));
        took.push(seen - entered);
      }
      took.sort((a, b) => a - b);
      return { median: took[MESSAGES / 2], slowest: took.at(-1) };
    }),
  );
}

/** Runs in the page: records when the frame with a text is drawn, by the machine's clock. */
function watchFor(text) {
  window.happened = new Promise((resolve) => {
    const log = document.querySelector("[role=log]");
    const observer = new MutationObserver(() => {
      if (!log.textContent.includes(text)) return;
      observer.disconnect();
      requestAnimationFrame(() => resolve(performance.timeOrigin + performance.now()));
    });
    observer.observe(log, { childList: true, subtree: true, characterData: true });
  });
}

/** Runs in the page: records when the next key is pressed. */
function watchKeys() {
  window.happened = new Promise((resolve) => {
    const pressed = () => resolve(performance.timeOrigin + performance.now());
    addEventListener("keydown", pressed, { capture: true, once: true });
  });
}

/** Scrolls up through the whole of a very long conversation by mouse wheel. */
export async function scrolling(context) {
  const { browser, url, profile } = context;
  const PIXELS = 2500;
  const tom = await person(url, "tom");
  const { id } = await conversationOf(tom, ({ kind }) => kind === "group");
  return closing(await newPage(browser, url, tom, ["conversation"]), async (page) => {
    await page.goto(`${url}/#/c/${id}`);
    await shown(page);
    await pause(REST_MS);
    await page.mouse.move(800, 400);
    const log = page.locator("[role=log]");
    const up = async () => {
      const began = Date.now();
      for (let turns = 0; Date.now() - began < context.timeoutMs; turns += 1) {
        await page.mouse.wheel(0, -PIXELS);
        // The first message of the conversation is marked as such.
        if (turns % 50 === 0 && (await log.locator(".start").count()) > 0) break;
      }
    };
    const sum = await trace(page, up);
    const height = await log.evaluate((log) => log.scrollHeight);
    const isThrough = (await log.locator(".start").count()) > 0;
    const { longestCpu, longestWall, longCpu, longWall, frames, dropped, cpu } = sum;
    // At the start of the conversation everything is loaded, and the list has its full length.
    const there = async () => {
      for (let turn = 0; turn < 100; turn += 1) await page.mouse.wheel(0, turn < 50 ? PIXELS : -PIXELS);
    };
    const end = await trace(page, there);
    if (profile !== undefined) profile("scrolling", await recordProfile(page, there));
    return {
      "longest task, CPU": longestCpu,
      "longest task": longestWall,
      "tasks over 50 ms, CPU": longCpu,
      "tasks over 50 ms": longWall,
      frames,
      "frames dropped": dropped,
      cpu,
      "longest task at the far end, CPU": end.longestCpu,
      "to the first message": Number(isThrough),
      "pixels, thousands": height / 1000,
    };
  });
}

/** The cost of a very long list of conversations. */
export async function list(context) {
  const { browser, url, profile } = context;
  const MESSAGES = 40;
  const [busy, jerry] = [await person(url, BUSY), await person(url, "jerry")];
  const { conversations } = await busy.rest.get("/v1/conversations", { query: { limit: 200 } });
  const groups = conversations.filter(({ kind }) => kind === "group").slice(-MESSAGES);
  return closing(await newPage(browser, url, busy, ["list"]), async (page) => {
    await page.goto(url);
    await shown(page);
    // The list appears with its first page; wait for the others.
    await page.waitForLoadState("networkidle");
    await pause(REST_MS);
    const come = async () => {
      for (const { group_id } of groups) {
        const path = { groupID: group_id };
        await jerry.rest.post("/v1/messages/group/{groupID}", { path, body: { content: "One more" } });
        await pause(50);
      }
      await pause(200);
    };
    const type = async () => {
      await page.locator("nav input").pressSequentially("group 12", { delay: 80 });
      await pause(300);
      for (let key = 0; key < 8; key += 1) await page.keyboard.press("Backspace", { delay: 80 });
    };
    const coming = await trace(page, come);
    const typing = await trace(page, type);
    if (profile !== undefined) {
      profile("coming", await recordProfile(page, come));
      profile("typing", await recordProfile(page, type));
    }
    return {
      "one message, CPU": coming.cpu / groups.length,
      "longest task, CPU": coming.longestCpu,
      "longest task while typing, CPU": typing.longestCpu,
      "all keys, CPU": typing.cpu,
    };
  });
}
