// A screenshot of the terminal client: tmux holds its screen, and a browser page renders the content. Needs tmux.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const COLUMNS = 104;
const ROWS = 30;
const DEADLINE_MS = 20_000;

const PALETTE = ["#2e3440", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d7dae0"];
const INK = "#d7dae0";
const PAPER = "#1e2127";

/** The screens of a tmux server of our own. */
class Screens {
  #folder = mkdtempSync(join(tmpdir(), "chatserver-terminal-"));

  tmux(...words) {
    const { PATH } = process.env;
    const env = { PATH, HOME: this.#folder, LC_ALL: "C.UTF-8" };
    return execFileSync("tmux", ["-u", "-f", "/dev/null", "-S", join(this.#folder, "tmux"), ...words], {
      env,
      encoding: "utf8",
    });
  }

  open(name, command) {
    this.tmux("new-session", "-d", "-s", name, "-x", String(COLUMNS), "-y", String(ROWS), ...command);
  }

  async shows(name, text) {
    const deadline = Date.now() + DEADLINE_MS;
    while (!this.tmux("capture-pane", "-p", "-t", name).includes(text)) {
      if (Date.now() > deadline) throw new Error(`${name}'s screen does not show ${text}`);
      await pause(50);
    }
  }

  close() {
    this.tmux("kill-server");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Applies the numbers of an SGR sequence (ECMA-48, 8.3.117) to a style. */
function styled(style, numbers) {
  // A palette colour, as the client writes it.
  if (numbers[0] === 38 && numbers[1] === 5) return { ...style, color: PALETTE[numbers[2] % 8] };
  let next = { ...style };
  for (const number of numbers) {
    if (number === 0) next = {};
    else if (number === 1) next.bold = true;
    else if (number === 2) next.faint = true;
    else if (number === 3) next.italic = true;
    else if (number === 4) next.underlined = true;
    else if (number === 7) next.reversed = true;
    else if (number >= 30 && number <= 37) next.color = PALETTE[number - 30];
    else if (number === 39) delete next.color;
  }
  return next;
}

function css({ bold, faint, italic, underlined, reversed, color = INK }) {
  const [ink, paper] = reversed ? [PAPER, color] : [color, "transparent"];
  const rules = [`color:${ink}`, `background:${paper}`];
  if (bold) rules.push("font-weight:bold");
  if (faint) rules.push("opacity:.6");
  if (italic) rules.push("font-style:italic");
  if (underlined) rules.push("text-decoration:underline;text-underline-offset:4px");
  return rules.join(";");
}

const SEQUENCE = new RegExp("(\u001b\\[[\\d;]*m)");
const characters = new Intl.Segmenter("en", { granularity: "grapheme" });
const isWide = (character) => /\p{Emoji_Presentation}|\uFE0F|\p{Script=Han}/u.test(character);
const escaped = (text) => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** Renders a row: each run of one style is placed at its column, so that wide glyphs don't shift what follows. */
function rowOf(line, style) {
  let column = 0;
  let html = "";
  for (const part of line.split(SEQUENCE)) {
    const sequence = SEQUENCE.exec(part);
    if (sequence !== null) {
      style = styled(style, part.slice(2, -1).split(";").map(Number));
      continue;
    }
    let run = "";
    let begin = column;
    const end = () => {
      if (run !== "") html += `<span style="left:${begin}ch;${css(style)}">${escaped(run)}</span>`;
      [run, begin] = ["", column];
    };
    for (const { segment } of characters.segment(part)) {
      if (!isWide(segment)) {
        run += segment;
        column += 1;
        continue;
      }
      end();
      run = segment;
      column += 2;
      end();
    }
    end();
  }
  return [`<div>${html}</div>`, style];
}

function pageOf(screen) {
  let style = {};
  let rows = "";
  for (const line of screen.replace(/\n$/, "").split("\n")) {
    let row;
    [row, style] = rowOf(line, style);
    rows += row;
  }
  return `<style>
    body { margin: 0; background: ${PAPER}; }
    main { padding: 14px; width: ${COLUMNS}ch; font: 14px/19px "DejaVu Sans Mono", monospace; }
    div { position: relative; height: 19px; }
    span { position: absolute; white-space: pre; }
  </style><main>${rows}</main>`;
}

/** Shows the group on Tom's screen while a member is typing. */
export async function terminal(browser, { program, url, group, file }) {
  const screens = new Screens();
  try {
    const chat = (name, place) => {
      const words = ["chat", "--url", url, "--as", name, ...place];
      screens.open(name, [program, ...words]);
    };
    chat("tom", ["--group", group]);
    await screens.shows("tom", "It is a deal");
    chat("jerry", ["--group", group]);
    await screens.shows("jerry", "It is a deal");
    screens.tmux("send-keys", "-t", "tom", "-l", "--", "I bring the mousetrap as a table decoration");
    screens.tmux("send-keys", "-t", "jerry", "-l", "--", "Tom,");
    await screens.shows("tom", "jerry is typing");
    await screens.shows("tom", "as a table decoration");
    const page = await browser.newPage({ viewport: { width: 1000, height: 700 } });
    await page.setContent(pageOf(screens.tmux("capture-pane", "-p", "-e", "-t", "tom")));
    await page.locator("main").screenshot({ path: file });
    await page.close();
  } finally {
    screens.close();
  }
}
