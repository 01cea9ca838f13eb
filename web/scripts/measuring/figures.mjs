// What is measured, each once. A figure is an object of numbers by name; times are in milliseconds.

import { BUSY, conversationOf, person } from "./ground.mjs";
import { newPage, shown } from "./screens.mjs";
import { profiled, traced } from "./trace.mjs";

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** What a page does after it has shown something is not to be counted with what comes next. */
const REST_MS = 1000;

async function closing(page, work) {
  try {
    return await work(page);
  } finally {
    await page.context().close();
  }
}

/** From the address to the front door, in a browser that has been there, and in one that has not. */
export async function door({ browser, url }) {
  return closing(await newPage(browser, url, undefined, ["door"]), async (page) => {
    await page.goto(url);
    const { door: first } = await shown(page);
    await page.reload();
    return { first, again: (await shown(page)).door };
  });
}

/** From a reload to where one reads and writes. */
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
    const { cpu, longestCpu } = await traced(page, reload);
    if (profile !== undefined) profile(name, await profiled(page, reload));
    return { ...when, cpu, "longest task, CPU": longestCpu };
  });
}

export async function reload(ground) {
  const tom = await person(ground.url, "tom");
  const { id } = await conversationOf(tom, ({ kind }) => kind === "group");
  return reloaded(ground, tom, id, "reload");
}

/** The same with very many conversations. */
export async function reloadOfMany(ground) {
  const busy = await person(ground.url, BUSY);
  const { id } = await conversationOf(busy, ({ kind }) => kind === "group");
  return reloaded(ground, busy, id, "reload-of-many");
}

/** From Enter to the message on the other's screen. */
export async function delivery({ browser, url }) {
  const MESSAGES = 20;
  const [tom, jerry] = await Promise.all(["tom", "jerry"].map((name) => person(url, name)));
  const { id, last_seq: seq } = await conversationOf(tom, ({ kind }) => kind === "direct");
  // The reader would be shown what is new from an earlier time, and not the end.
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

/** Runs in the page: notes when the frame with a text in it is drawn, by the machine's clock. */
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

/** Runs in the page: notes when the next key goes down. */
function watchKeys() {
  window.happened = new Promise((resolve) => {
    const pressed = () => resolve(performance.timeOrigin + performance.now());
    addEventListener("keydown", pressed, { capture: true, once: true });
  });
}

/** Up through the whole of a very long conversation, by the wheel. */
export async function scrolling(ground) {
  const { browser, url, profile } = ground;
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
      for (let turns = 0; Date.now() - began < ground.patience; turns += 1) {
        await page.mouse.wheel(0, -PIXELS);
        // The first message of all says that it is.
        if (turns % 50 === 0 && (await log.locator(".start").count()) > 0) break;
      }
    };
    const sum = await traced(page, up);
    const height = await log.evaluate((log) => log.scrollHeight);
    const isThrough = (await log.locator(".start").count()) > 0;
    const { longestCpu, longestWall, longCpu, longWall, frames, dropped, cpu } = sum;
    // At the far end everything is there, and the list is as long as it gets.
    const there = async () => {
      for (let turn = 0; turn < 100; turn += 1) await page.mouse.wheel(0, turn < 50 ? PIXELS : -PIXELS);
    };
    const end = await traced(page, there);
    if (profile !== undefined) profile("scrolling", await profiled(page, there));
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

/** What a very long list of conversations costs. */
export async function list(ground) {
  const { browser, url, profile } = ground;
  const MESSAGES = 40;
  const [busy, jerry] = [await person(url, BUSY), await person(url, "jerry")];
  const { conversations } = await busy.rest.get("/v1/conversations", { query: { limit: 200 } });
  const groups = conversations.filter(({ kind }) => kind === "group").slice(-MESSAGES);
  return closing(await newPage(browser, url, busy, ["list"]), async (page) => {
    await page.goto(url);
    await shown(page);
    // The list shows itself with its first page.
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
    const coming = await traced(page, come);
    const typing = await traced(page, type);
    if (profile !== undefined) {
      profile("coming", await profiled(page, come));
      profile("typing", await profiled(page, type));
    }
    return {
      "one message, CPU": coming.cpu / groups.length,
      "longest task, CPU": coming.longestCpu,
      "longest task while typing, CPU": typing.longestCpu,
      "all keys, CPU": typing.cpu,
    };
  });
}
