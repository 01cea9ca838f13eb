// Fills a server before the measurements: users, a very long conversation, and a very long list of conversations.

import { login, Rest } from "chatserver-client";
import { createRequire } from "node:module";

// The one of the SDK's tests: Node has its own only since version 22.
const { WebSocket } = createRequire(new URL("../../../sdk/typescript/package.json", import.meta.url))("ws");

export const PASSWORD = "password123";
/** Name of the user with many conversations. */
export const BUSY = "busy";
/** How many of them are direct: the newest, so that they are on the screen. */
const DIRECT = 20;
/** Requests in flight; the server allows 64 per connection. */
const IN_FLIGHT = 48;
const AT_ONCE = 16;

const TEXTS = [
  "Yes",
  "What about **this** one? See https://example.com/a/b?c=d",
  "I think that `resume` works, but let us look again tomorrow; there were a few odd things in the log that I don't understand yet, and I'd rather know.",
  "👍",
  "- one\n- two\n- three",
  "> quoted\n\nAnswer to it",
  "Short line",
  "A somewhat longer line with several words in it, so that it wraps on a phone",
  "```\ncode();\nmore();\n```",
];

const textOf = (index) => `${index} ${TEXTS[(index * 7) % TEXTS.length]}`;

export async function person(url, username) {
  const { token } = await login(url, { username, password: PASSWORD });
  const rest = new Rest({ url, token: () => token });
  return { username, token, rest, id: (await rest.get("/v1/test-auth")).user_id };
}

async function newPerson(url, username) {
  const body = { username, email: `${username}@example.com`, password: PASSWORD };
  await new Rest({ url }).post("/v1/users/register", { body });
  return person(url, username);
}

async function newGroup(owner, name, ...members) {
  const { group_id } = await owner.rest.post("/v1/groups", { body: { name } });
  for (const { id } of members) {
    await owner.rest.post("/v1/groups/{id}/members", { path: { id: group_id }, body: { user_id: id } });
  }
  return group_id;
}

/** Sends `count` messages to a group over the stream. */
function sendMany(url, { token }, group, count) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url.replace("http", "ws")}/ws`, ["chatserver.v2", `bearer.${token}`]);
    let sent = 0;
    let stored = 0;
    const send = () => {
      const index = (sent += 1);
      socket.send(JSON.stringify({ op: "send", id: index, to_group: group, content: textOf(index) }));
    };
    socket.on("error", reject);
    socket.on("close", (code) => reject(new Error(`The stream was closed with ${code}`)));
    socket.on("message", (data) => {
      const { type, error } = JSON.parse(data);
      if (type === "error") reject(new Error(error));
      if (type === "hello") for (let first = 0; first < Math.min(IN_FLIGHT, count); first += 1) send();
      if (type !== "ack") return;
      stored += 1;
      if (sent < count) send();
      if (stored < count) return;
      socket.removeAllListeners("close");
      socket.close();
      resolve();
    });
  });
}

/** Calls `work` for all numbers below `count`, a few at a time. */
async function inParallel(count, work) {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Marks everything as read, so that conversations open at their end. */
async function readAll({ rest }) {
  const { conversations } = await rest.get("/v1/conversations", { query: { limit: 200 } });
  for (const { id, last_seq: seq } of conversations) {
    await rest.post("/v1/conversations/{id}/read", { path: { id }, body: { seq } });
  }
}

/** Creates Tom and Jerry's group with `messages` messages. */
async function longConversation(url, tom, jerry, messages) {
  const group = await newGroup(tom, "A long story", jerry);
  const half = Math.floor(messages / 2);
  await Promise.all([sendMany(url, tom, group, half), sendMany(url, jerry, group, messages - half)]);
}

/** Creates a user with `conversations` conversations. */
async function longList(url, jerry, conversations) {
  const busy = await newPerson(url, BUSY);
  await inParallel(Math.max(0, conversations - DIRECT), async (index) => {
    const group = await newGroup(jerry, `Group ${index}`, busy);
    await jerry.rest.post("/v1/messages/group/{groupID}", {
      path: { groupID: group },
      body: { content: textOf(index) },
    });
  });
  for (let index = 0; index < Math.min(DIRECT, conversations); index += 1) {
    const { rest } = await newPerson(url, `someone${index}`);
    const path = { userID: busy.id };
    await rest.post("/v1/messages/p2p/{userID}", { path, body: { content: textOf(index) } });
  }
}

/** Fills a new server. */
export async function fillServer(url, { messages, conversations }) {
  const [tom, jerry] = await Promise.all([person(url, "tom"), person(url, "jerry")]);
  await jerry.rest.post("/v1/messages/p2p/{userID}", {
    path: { userID: tom.id },
    body: { content: "Is there cheese?" },
  });
  await longConversation(url, tom, jerry, messages);
  await Promise.all([tom, jerry].map(readAll));
  await longList(url, jerry, conversations);
}

/** Returns a user's newest conversation that satisfies `wanted`. */
export async function conversationOf({ rest }, wanted) {
  const { conversations } = await rest.get("/v1/conversations", { query: { limit: 200 } });
  return conversations.find(wanted);
}
