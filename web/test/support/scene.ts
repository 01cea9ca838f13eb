/**
 * Tests as scenes: people in front of screens, and one server.
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
 * A file has one server and one browser, which its scenes share one after the other; whoever needs a user with a clean slate
 * makes one (`people.ts`). Every screen has a browser profile of its own. A scene fails, too, if anything went wrong on its
 * screens that it did not expect: an error of the page or on the console, a violated policy, a script that was injected, a
 * request to anybody else (`complaints.ts`; `screen.expects` names what is in order). Of a scene that fails, pictures are kept.
 */

import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { chromium, type Browser, type Page } from "playwright-core";
import { Complaints } from "./complaints.js";
import { PATIENCE_MS } from "./eventually.js";
import { newPerson, personOf, type Person } from "./people.js";
import { Screen } from "./screen.js";
import { Server } from "./server.js";

export interface ScreenOptions {
  width?: number;
  height?: number;
  theme?: "light" | "dark";
  /** What stands behind the server's address. */
  path?: string;
  /** Where the page comes from, if not from the server: an origin that shows something of the server's. */
  origin?: string;
}

/** What a scene has at hand. */
export interface Scene {
  server: Server;
  /** A screen that shows the front door. */
  visit: (options?: ScreenOptions) => Promise<Screen>;
  /** A screen of somebody who is signed in already. */
  enter: (who: string | Person, options?: ScreenOptions) => Promise<Screen>;
  /** Somebody who is there, or is new, over REST. */
  person: (username: string) => Promise<Person>;
  newPerson: (username: string) => Promise<Person>;
  /** A page without the client, without its policy and without anybody who complains. */
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

/** What the file's server is to be told, found out before it starts. */
export function settings(found: () => Promise<Record<string, string>>): void {
  prepare = found;
}

let server: Server;
let browser: Browser;

let starting: Promise<void> | undefined;

/** With the first scene, when all that the file says of settings has been said. */
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
    const complaints = new Complaints();
    const open = async (who: Person | undefined, options: ScreenOptions = {}): Promise<Screen> => {
      const screen = await newScreen(complaints, who, options);
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
      assert.deepEqual(complaints.all, [], "nothing went wrong on the screens");
    } catch (error) {
      console.error(await pictures(screens), ...complaints.all);
      throw error;
    } finally {
      await Promise.all([plain, ...screens.map(({ page }) => page.context())].map((context) => context.close()));
    }
  });
}

async function newScreen(complaints: Complaints, who: Person | undefined, options: ScreenOptions): Promise<Screen> {
  const { width = 1280, height = 800, theme = "light", path = "/", origin = server.url } = options;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    reducedMotion: "reduce",
    locale: "en-GB",
    ...(who === undefined ? {} : { storageState: signedIn(who) }),
  });
  context.setDefaultTimeout(PATIENCE_MS);
  await complaints.watch(context, [server.url, origin]);
  const page = await context.newPage();
  await page.goto(origin + path);
  return new Screen(page, complaints);
}

/** What the client itself keeps of somebody who has signed in. */
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
