/**
 * Whatever users write, and wherever, others see it as text. The page's policy is a second line of defence: a payload
 * that gets as far as the policy would be a violation, and fails the test.
 */

import assert from "node:assert/strict";
import { ChatError } from "chatserver-client";
import { eventually } from "./support/eventually.js";
import { PAYLOADS, SHORT_PAYLOADS } from "./support/payloads.js";
import { newPerson, type Person } from "./support/people.js";
import { scene } from "./support/scene.js";
import type { Screen } from "./support/screen.js";

const KINDS = ["image", "video", "audio", "file"];

/** Returns `undefined` if the server refuses: such content is never shown to anybody. */
async function unlessRefused<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ChatError && error.code.startsWith("invalid")) return undefined;
    throw error;
  }
}

/** Checks that every link has a safe destination, and that no element has event handler attributes. */
async function assertHarmless({ page }: Screen): Promise<void> {
  const found = await page.evaluate(() => {
    const wrong: string[] = [];
    for (const element of document.querySelectorAll("*")) {
      for (const { name, value } of element.attributes) {
        const leads = ["href", "src", "action", "formaction", "xlink:href", "data", "srcdoc"].includes(name);
        const scheme = leads ? new URL(value, location.href).protocol : "https:";
        const isPicture = element.localName === "img" && value.startsWith("data:image/");
        const isSafe = isPicture || ["http:", "https:", "mailto:", "blob:"].includes(scheme);
        if (!isSafe || name.startsWith("on") || name === "srcdoc") {
          wrong.push(`<${element.localName} ${name}="${value}">`);
        }
      }
    }
    return wrong;
  });
  assert.deepEqual(found, []);
}

scene("the payloads are real: without protection most of them run", async ({ plainPage }) => {
  const ran = new Set<number>();
  const page = await plainPage();
  await page.exposeFunction("injected", (number: number) => ran.add(number));
  const inFrames = PAYLOADS.map((payload) => `<div>${payload}</div>`);
  for (const markup of inFrames) await page.setContent(markup, { waitUntil: "commit" }).catch(() => undefined);
  await eventually(() => assert.ok(ran.size >= 20, `${ran.size} ran`));
  assert.ok(PAYLOADS.length >= 60 && new Set(PAYLOADS).size === PAYLOADS.length);
});

scene("messages, their pictures, drafts and reactions are text", async ({ enter, newPerson, person }) => {
  const [victim, tom] = [await newPerson("victim"), await person("tom")];
  const path = { userID: victim.id };
  let conversation = 0;
  for (const [index, content] of PAYLOADS.entries()) {
    const sent = await tom.rest.post("/v1/messages/p2p/{userID}", { path, body: { content } });
    conversation = sent.conversation_id;
    const url = content.replace(/\s/g, "");
    const type = KINDS[index % KINDS.length]!;
    for (const address of [url, `https://pictures.example/${url}`]) {
      const media = [{ url: address, name: content, type }];
      await unlessRefused(tom.rest.post("/v1/messages/p2p/{userID}", { path, body: { content: "", media } }));
    }
    await unlessRefused(
      tom.rest.put("/v1/messages/{id}/reactions/{emoji}", { path: { id: sent.id, emoji: url.slice(0, 60) } }),
    );
    if (index % 10 === 0) {
      await tom.rest.post("/v1/messages/p2p/{userID}", { path, body: { content, reply_to: sent.id } });
      await tom.rest.post("/v1/messages/p2p/{userID}", { path, body: { content, thread_id: sent.id } });
      await tom.rest.put("/v1/messages/{id}/pin", { path: { id: sent.id } });
      await tom.rest.patch("/v1/messages/{id}", { path: { id: sent.id }, body: { content: `${content} edited` } });
    }
  }
  // A user who has read everything sees the end of the list, where new messages appear.
  const read = await tom.rest.post("/v1/messages/p2p/{userID}", { path, body: { content: "so far" } });
  await victim.rest.post("/v1/conversations/{id}/read", { path: { id: conversation }, body: { seq: read.seq } });
  const screen = await enter(victim);
  // Not real pictures.
  screen.expects(/Failed to load resource/);
  await screen.openConversation(conversation);
  await screen.sees("so far");
  // All of them arrive, some while they are on the screen.
  for (const content of PAYLOADS.toReversed()) {
    const draft = { path: { id: conversation }, body: { draft: content } };
    await victim.rest.patch("/v1/conversations/{id}/state", draft);
    await tom.rest.post("/v1/messages/p2p/{userID}", { path, body: { content } });
  }
  await tom.rest.post("/v1/messages/p2p/{userID}", { path, body: { content: "the end" } });
  await screen.sees("the end");
  await screen.scrollToStart(() => assertHarmless(screen));
  await screen.page.reload();
  await screen.composer.waitFor();
  await tom.rest.post("/v1/messages/p2p/{userID}", { path, body: { content: "the very end" } });
  await screen.sees("the very end");
  await assertHarmless(screen);
});

scene("names of users and groups are text", async ({ enter, server, newPerson: somebody }) => {
  const victim = await somebody("target");
  const attackers: Person[] = [];
  for (const name of SHORT_PAYLOADS) {
    const attacker = await unlessRefused(newPerson(server, name));
    if (attacker !== undefined) attackers.push(attacker);
  }
  assert.ok(attackers.length >= 8, "the server takes such names");
  const groups: number[] = [];
  for (const [index, name] of PAYLOADS.entries()) {
    const { rest } = attackers[index % attackers.length]!;
    const group = await unlessRefused(rest.post("/v1/groups", { body: { name: name.slice(0, 100) } }));
    if (group === undefined) continue;
    groups.push(group.group_id);
    await rest.post("/v1/groups/{id}/members", { path: { id: group.group_id }, body: { user_id: victim.id } });
    const body = { content: name, mentions: [victim.id] };
    await rest.post("/v1/messages/group/{groupID}", { path: { groupID: group.group_id }, body });
  }
  assert.ok(groups.length >= 30, `the server takes such names: ${groups.length}`);
  for (const { rest, username } of attackers) {
    await rest.post("/v1/messages/p2p/{userID}", { path: { userID: victim.id }, body: { content: username } });
  }
  const screen = await enter(victim);
  const { conversations } = await victim.rest.get("/v1/conversations");
  for (const { id } of conversations.filter((_, index) => index % 5 === 0)) {
    await screen.openConversation(id);
    await assertHarmless(screen);
  }
});
