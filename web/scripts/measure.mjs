// Measures the client's speed: starts a server, fills it, and uses it in a browser. Prints medians of several runs.
// Usage: npm run measure -w web -- [--runs 5] [--messages 100000] [--conversations 1000] [--only reload,list]
//   [--data FOLDER] keeps the filled server for the next time; [--profiles FOLDER] writes CPU profiles.
// Needs what the end-to-end tests need (test.mjs). Only a release binary on an idle machine gives meaningful figures.

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { launchBrowser } from "./browser.mjs";
import * as figures from "./measuring/figures.mjs";
import { fillServer } from "./measuring/fixture.mjs";
import { startServer } from "./server.mjs";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    messages: { type: "string", default: "100000" },
    conversations: { type: "string", default: "1000" },
    only: { type: "string" },
    data: { type: "string" },
    profiles: { type: "string" },
  },
});

/** The measurements, most informative first. The last element is the number of runs, if it is fixed. */
const ALL = {
  signIn: ["sign-in page usable", figures.signIn],
  reload: ["conversation readable and writable after a reload", figures.reload],
  many: ["the same with very many conversations", figures.reloadOfMany],
  delivery: ["Enter to the other's screen", figures.delivery],
  list: ["a list of very many conversations", figures.list],
  scrolling: ["up through a very long conversation", figures.scrolling, 1],
};

const TIMEOUT_MS = 600_000;

/** Starts a server, with the data of an earlier run if there is a folder for it. */
async function startFilledServer() {
  const folder =
    options.data === undefined ? mkdtempSync(join(tmpdir(), "chatserver-measure-")) : resolve(options.data);
  mkdirSync(folder, { recursive: true });
  const isNew = !existsSync(join(folder, "filled"));
  // Filling it quickly takes more messages per second than people send.
  const server = await startServer(folder, { MAX_FRAMES_PER_SECOND: "1000000" });
  if (isNew) {
    await fillServer(server.url, { messages: Number(options.messages), conversations: Number(options.conversations) });
    writeFileSync(join(folder, "filled"), "");
  }
  return { ...server, folder };
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

const shortened = (number) => (number >= 100 ? number.toFixed(0) : number.toFixed(1).replace(/\.0$/, ""));

function print(title, runs) {
  console.log(title);
  for (const name of Object.keys(runs[0])) {
    const all = runs.map((run) => run[name]);
    const range = all.length === 1 ? "" : ` (${shortened(Math.min(...all))} to ${shortened(Math.max(...all))})`;
    console.log(`  ${name}: ${shortened(median(all))}${range}`);
  }
}

const { child, url, folder } = await startFilledServer();
const browser = await launchBrowser();
const profile = (name, content) => {
  mkdirSync(options.profiles, { recursive: true });
  writeFileSync(join(options.profiles, `${name}.cpuprofile`), JSON.stringify(content));
};
try {
  const surroundings = { browser, url, timeoutMs: TIMEOUT_MS, ...(options.profiles === undefined ? {} : { profile }) };
  for (const name of options.only?.split(",") ?? Object.keys(ALL)) {
    const [title, measure, times = Number(options.runs)] = ALL[name];
    const runs = [];
    for (let run = 0; run < times; run += 1) runs.push(await measure(surroundings));
    print(title, runs);
  }
} finally {
  await browser.close();
  child.kill("SIGKILL");
  if (options.data === undefined) rmSync(folder, { recursive: true, force: true });
}
