// The real server as a child process, for scripts.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const target = process.env["CARGO_TARGET_DIR"] ?? fileURLToPath(new URL("../../target", import.meta.url));
export const program = process.env["CHATSERVER_BIN"] ?? join(target, "debug/chatserver");

/** Starts a server with the demo users, with its files in `folder`. */
export async function startServer(folder, settings = {}) {
  const places = ["--database", join(folder, "chat.db"), "--log-file", join(folder, "log")];
  const child = spawn(program, ["serve", "--demo", "--port", "0", ...places], {
    cwd: folder,
    // The limits are on but never reached: all measurements come from one address.
    env: { ...process.env, LIMIT_FACTOR: "1000", ...settings },
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const { fields } = JSON.parse(line);
    if (fields?.message === "ready") {
      child.stdout.resume();
      return { child, url: fields.url };
    }
  }
  throw new Error(`${program} does not start`);
}
