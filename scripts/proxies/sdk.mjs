// The SDK as an application uses it: node sdk.mjs <address> <token> <id of a user>. It connects, sends a message to
// that user and waits for it.
import dns from "node:dns";
import { createRequire } from "node:module";

const [url, token, user] = process.argv.slice(2);
const sdk = new URL("../../sdk/typescript/", import.meta.url);
const { ChatClient } = await import(new URL("dist/index.js", sdk));
const { WebSocket } = createRequire(sdk)("ws");

// The samples' name resolves to this machine.
const lookup = dns.lookup;
dns.lookup = (name, options, done) =>
  name === "chat.example.org" ? lookup("127.0.0.1", options, done) : lookup(name, options, done);

setTimeout(() => {
  console.error("not within 30 s");
  process.exit(1);
}, 30_000).unref();
const client = new ChatClient({ url, token, WebSocket });
const received = new Promise((resolve) => client.on("message", (event) => resolve(event)));
await client.connect();
await client.send({ to_user: Number(user), content: "by the SDK" });
await received;
client.close();
