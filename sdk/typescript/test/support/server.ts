/** The real server as a child process, in its own folder, on a port that the system chooses. */

import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Longest time to start; a server that takes longer is broken. */
const START_MS = 20_000;
/** Relative to build/test/support. */
const BUILT = fileURLToPath(new URL("../../../../../target/debug/chatserver", import.meta.url));
const PROGRAM = process.env["CHATSERVER_BIN"] ?? BUILT;

export class Server {
  /** Such as `http://127.0.0.1:34567`; different after every start. */
  url = "";
  readonly #folder: string;
  #child: ChildProcess | undefined;
  #printed: string[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(): Promise<Server> {
    const server = new Server(await mkdtemp(join(tmpdir(), "chatserver-client-")));
    await server.start();
    return server;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Starts the server, or restarts it on the same database. */
  async start(): Promise<void> {
    const { PATH = "" } = process.env;
    const places = ["--database", join(this.#folder, "chat.db"), "--log-file", join(this.#folder, "app.log")];
    const child = spawn(PROGRAM, ["--port", "0", ...places], {
      cwd: this.#folder,
      // The limits are on but never reached: all tests come from one address.
      env: { PATH, LIMIT_FACTOR: "1000" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.url = await this.#ready(child);
  }

  #ready(child: ChildProcess): Promise<string> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`${PROGRAM}: ${why}\n${this.#printed.join("\n")}`));
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

  /** Kills the process, as a power cut would. */
  async kill(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  /** Ends the server and deletes its folder. */
  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function readyUrl(line: string): string | undefined {
  try {
    const { fields } = JSON.parse(line) as { fields?: { message?: string; url?: string } };
    return fields?.message === "ready" ? fields.url : undefined;
  } catch {
    return undefined;
  }
}
