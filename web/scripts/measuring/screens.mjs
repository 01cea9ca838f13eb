// Pages of people who are signed in, which note when they first show what is waited for.

/** What takes longer on a busy machine is measured all the same. */
const PATIENCE_MS = 120_000;

/** Runs in the page: looks in every frame whether it shows that, and notes the time since the page's loading began. */
function note(what) {
  const isSeen = (element) =>
    element !== null && element !== undefined && element.checkVisibility({ visibilityProperty: true });
  const shows = {
    /** One can write who one is. */
    door: () => isSeen(document.querySelector("main form input:enabled")),
    /** One can write, and reads the newest message. */
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

/** An empty page of a browser profile of its own. `notes`: what it is to show. */
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
  context.setDefaultTimeout(PATIENCE_MS);
  await context.addInitScript(note, notes);
  return context.newPage();
}

/** When the page showed what it was to show, in milliseconds since its loading began. */
export async function shown(page) {
  await page.waitForFunction(() => window.hasShown === true);
  return page.evaluate(() => window.shown);
}
