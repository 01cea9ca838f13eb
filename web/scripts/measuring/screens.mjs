// Pages of signed-in users that record when they first show something.

/** Long, because a busy machine must not abort the measurement. */
const TIMEOUT_MS = 120_000;

/** Runs in the page: checks in every frame whether it shows something, and records the time since loading began. */
function note(what) {
  const isSeen = (element) =>
    element !== null && element !== undefined && element.checkVisibility({ visibilityProperty: true });
  const shows = {
    /** The user can type a name. */
    signIn: () => isSeen(document.querySelector("main form input:enabled")),
    /** The user can write, and sees the newest message. */
    conversation: () => {
      const log = document.querySelector("[role=log]");
      const newest = [...(log?.querySelectorAll("[data-message]") ?? [])].at(-1);
      if (!isSeen(document.querySelector("main textarea:enabled")) || !isSeen(newest)) return false;
      const { top, bottom, height } = newest.getBoundingClientRect();
      const room = log.getBoundingClientRect();
      return height > 0 && top >= room.top && bottom <= room.bottom + 1;
    },
    list: () => isSeen(document.querySelector("nav [data-entry]")),
  };
  const look = () => {
    for (const name of what) if (!(name in window.shown) && shows[name]()) window.shown[name] = performance.now();
    if (what.every((name) => name in window.shown)) window.hasShown = true;
    else requestAnimationFrame(look);
  };
  window.shown = {};
  requestAnimationFrame(look);
}

/** Opens an empty page in a browser profile of its own. `notes` names what it watches for. */
export async function newPage(browser, url, person, notes) {
  const session = person && {
    name: "chatserver.session",
    value: JSON.stringify({ token: person.token, username: person.username }),
  };
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
    storageState: { cookies: [], origins: session === undefined ? [] : [{ origin: url, localStorage: [session] }] },
  });
  context.setDefaultTimeout(TIMEOUT_MS);
  await context.addInitScript(note, notes);
  return context.newPage();
}

/** Returns when the page showed what it watched for, in milliseconds since loading began. */
export async function shown(page) {
  await page.waitForFunction(() => window.hasShown === true);
  return page.evaluate(() => window.shown);
}
