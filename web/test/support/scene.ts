/**
 * Tests as scenes: users with screens, and one server.
 *
 *     import { scene } from "./support/scene.js";
 *
 *     scene("Jerry sees what Tom writes", async ({ enter }) => {
 *       const [tom, jerry] = [await enter("tom"), await enter("jerry", { width: 360, theme: "dark" })];
 *       await tom.openUser(JERRY);
 *       await jerry.openUser(TOM);
 *       await tom.send("Is there cheese?");
 *       await jerry.sees("Is there cheese?");
 *     });
 *
 * A file has one server and one browser, which its scenes share one after another; a scene that needs a fresh user
 * creates one (`people.ts`). Every screen has a browser profile of its own. A scene also fails if anything unexpected
 * happens on its screens: an error of the page or on the console, a policy violation, an injected script that runs, a
 * request to another host (`problems.ts`; `screen.expects` allows it). A failed scene leaves screenshots.
 */

import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { chromium, type Browser, type Page } from "playwright-core";
import { Problems } from "./problems.js";
import { TIMEOUT_MS } from "./eventually.js";
import { newPerson, personOf, type Person } from "./people.js";
import { Screen } from "./screen.js";
import { Server } from "./server.js";

export interface ScreenOptions {
  width?: number;
  height?: number;
  theme?: "light" | "dark";
  /** Path of the page. */
  path?: string;
  /** Origin of the page, if not the server's: one that embeds the server's content. */
  origin?: string;
}

/** The means of a scene. */
export interface Scene {
  server: Server;
  /** Opens a screen with the sign-in page. */
  visit: (options?: ScreenOptions) => Promise<Screen>;
  /** Opens a screen of a signed-in user. */
  enter: (who: string | Person, options?: ScreenOptions) => Promise<Screen>;
  /** Logs in an existing user, or registers a new one, over REST. */
  person: (username: string) => Promise<Person>;
  newPerson: (username: string) => Promise<Person>;
  /** Opens a page without the client, its policy, and the check for problems. */
  plainPage: () => Promise<Page>;
}

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

let prepare = async (): Promise<Record<string, string>> => ({});

/** Sets the configuration of the file's server, determined before it starts. */
export function settings(found: () => Promise<Record<string, string>>): void {
  prepare = found;
}

let server: Server;
let browser: Browser;

let starting: Promise<void> | undefined;

/** Runs before the first scene, when all calls of `settings` have been made. */
async function start(): Promise<void> {
  const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
  [server, browser] = await Promise.all([
    prepare().then((settings) => Server.start(settings)),
    chromium.launch({ executablePath, args: FLAGS }),
  ]);
}

after(async () => {
  await browser?.close();
  await server?.remove();
});

export function scene(name: string, play: (scene: Scene) => Promise<void>): void {
  test(name, async () => {
    await (starting ??= start());
    const screens: Screen[] = [];
    const plain = await browser.newContext();
    const problems = new Problems();
    const open = async (who: Person | undefined, options: ScreenOptions = {}): Promise<Screen> => {
      const screen = await newScreen(problems, who, options);
      screens.push(screen);
      return screen;
    };
    try {
      await play({
        server,
        visit: (options) => open(undefined, options),
        enter: async (who, options) => open(typeof who === "string" ? await personOf(server, who) : who, options),
        person: (username) => personOf(server, username),
        newPerson: (username) => newPerson(server, username),
        plainPage: () => plain.newPage(),
      });
      assert.deepEqual(problems.all, [], "nothing went wrong on the screens");
    } catch (error) {
      console.error(await pictures(screens), ...problems.all);
      throw error;
    } finally {
      await Promise.all([plain, ...screens.map(({ page }) => page.context())].map((context) => context.close()));
    }
  });
}

async function newScreen(problems: Problems, who: Person | undefined, options: ScreenOptions): Promise<Screen> {
  const { width = 1280, height = 800, theme = "light", path = "/", origin = server.url } = options;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    reducedMotion: "reduce",
    locale: "en-GB",
    ...(who === undefined ? {} : { storageState: signedIn(who) }),
  });
  context.setDefaultTimeout(TIMEOUT_MS);
  await problems.watch(context, [server.url, origin]);
  const page = await context.newPage();
  await page.goto(origin + path);
  return new Screen(page, problems);
}

/** Returns what the client stores for a signed-in user. */
function signedIn({ token, username }: Person) {
  const localStorage = [{ name: "chatserver.session", value: JSON.stringify({ token, username }) }];
  return { cookies: [], origins: [{ origin: server.url, localStorage }] };
}

async function pictures(screens: Screen[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "chatserver-screens-"));
  const shoot = ({ page }: Screen, index: number): Promise<unknown> =>
    page.screenshot({ path: join(folder, `${index + 1}.png`), timeout: 5000 }).catch(() => undefined);
  await Promise.all(screens.map(shoot));
  return `Pictures of the screens: ${folder}`;
}
