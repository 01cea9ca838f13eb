/** The real server as a child process in its own folder. It can be killed, and restarts on the same port. */

import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Longest time to start; a server that takes longer is broken. */
const START_MS = 30_000;

export class Server {
  /** Such as `http://127.0.0.1:34567`; the same after every start. */
  url = "";
  readonly #folder: string;
  readonly #settings: Record<string, string>;
  #child: ChildProcess | undefined;
  #printed: string[] = [];

  private constructor(folder: string, settings: Record<string, string>) {
    this.#folder = folder;
    this.#settings = settings;
  }

  /** Starts a new server with the demo users Tom and Jerry. */
  static async start(settings: Record<string, string> = {}): Promise<Server> {
    const server = new Server(await mkdtemp(join(tmpdir(), "chatserver-web-")), settings);
    await server.start();
    return server;
  }

  /** Starts the server, or restarts it with its data. */
  async start(): Promise<void> {
    const port = this.url === "" ? "0" : new URL(this.url).port;
    const places = ["--database", join(this.#folder, "chat.db"), "--log-file", join(this.#folder, "app.log")];
    const child = spawn(program(), ["serve", "--demo", "--port", port, ...places], {
      cwd: this.#folder,
      // The limits are on but never reached: all tests come from one address.
      env: { PATH: process.env["PATH"], LIMIT_FACTOR: "1000", ...this.#settings },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.url = await this.#ready(child);
  }

  #ready(child: ChildProcess): Promise<string> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`${program()}: ${why}\n${this.#printed.join("\n")}`));
      const timer = setTimeout(() => fail("not ready in time"), START_MS);
      child.once("error", (error) => fail(error.message));
      child.once("exit", (code, signal) => {
        clearTimeout(timer);
        fail(`ended with ${code ?? signal}`);
      });
      createInterface({ input: child.stderr! }).on("line", (line) => this.#printed.push(line));
      createInterface({ input: child.stdout! }).on("line", (line) => {
        this.#printed.push(line);
        const url = readyUrl(line);
        if (url === undefined) return;
        clearTimeout(timer);
        resolve(url);
      });
    });
  }

  /** Kills the process, as a crash would. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** Ends the server and deletes its folder. */
  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function program(): string {
  const named = process.env["CHATSERVER_BIN"];
  if (named === undefined) throw new Error("scripts/test.mjs runs the tests, and says which server");
  return named;
}

function readyUrl(line: string): string | undefined {
  try {
    const { fields } = JSON.parse(line) as { fields?: { message?: string; url?: string } };
    return fields?.message === "ready" ? fields.url : undefined;
  } catch {
    return undefined;
  }
}
