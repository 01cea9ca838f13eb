/** The sign-in page: signing in, registering, the demo, and what the browser stores of it. */

import assert from "node:assert/strict";
import { say } from "../src/strings.js";
import { eventually } from "./support/eventually.js";
import { PASSWORD } from "./support/people.js";
import { scene } from "./support/scene.js";

scene("a user signs in by name or by email address", async ({ visit }) => {
  for (const name of ["tom", "jerry@temp.com"]) {
    const screen = await visit();
    await screen.signInPage.waitFor();
    assert.equal(await screen.page.title(), say.front.title);
    await screen.signIn(name, PASSWORD);
    await screen.inside.waitFor();
    assert.equal(await screen.signInPage.count(), 0);
  }
});

scene("a wrong password is refused with the server's text, and the user can try again", async ({ visit }) => {
  const screen = await visit();
  screen.expects(/401 \(Unauthorized\)/);
  await screen.signIn("tom", "not the password");
  await screen.alert.waitFor();
  assert.equal(await screen.alert.textContent(), "Invalid email or password");
  assert.deepEqual(await screen.storedKeys(), []);
  await screen.signIn("tom", PASSWORD);
  await screen.inside.waitFor();
});

scene("a new account is signed in at once, and a taken name is refused", async ({ visit }) => {
  const register = async (name: string): Promise<Awaited<ReturnType<typeof visit>>> => {
    const screen = await visit();
    await screen.button(say.front.register).click();
    await screen.field(say.front.username).fill(name);
    await screen.field(say.front.email).fill(`${name}@example.com`);
    await screen.field(say.front.password).fill("a long password");
    await screen.page.keyboard.press("Enter");
    return screen;
  };
  await (await register("spike")).inside.waitFor();
  const second = await register("SPIKE");
  second.expects(/409 \(Conflict\)/);
  await second.alert.waitFor();
  assert.deepEqual(await second.storedKeys(), []);
});

scene("the demo users need no password", async ({ visit }) => {
  const screen = await visit();
  await screen.button(say.front.demoAs("jerry")).click();
  await screen.inside.waitFor();
});

scene("both demo users are side by side, and nothing is stored", async ({ visit }) => {
  const screen = await visit();
  await screen.button(say.front.demoBoth).click();
  const side = (name: string) => screen.page.getByRole("group", { name: say.front.demoPane(name) });
  const text = "Is there cheese?";
  const composer = side("tom").getByRole("textbox").last();
  await composer.fill(text);
  await composer.press("Enter");
  await screen.message(text, side("tom")).waitFor();
  await screen.message(text, side("jerry")).waitFor();
  assert.deepEqual(await screen.storedKeys(), []);
  await screen.button(say.front.backFromDemo).click();
  await screen.signInPage.waitFor();
});

scene("a reload keeps the session and the place", async ({ visit, newPerson }) => {
  const screen = await visit();
  await screen.signIn("tom", PASSWORD);
  await screen.openUser((await newPerson("butch")).id);
  const place = (): string => new URL(screen.page.url()).hash;
  const before = place();
  await screen.page.reload();
  await screen.composer.waitFor();
  assert.match(before, /^#\/(c|u)\/\d+$/);
  assert.equal(place(), before);
});

scene("signing out removes everything stored and revokes the token", async ({ visit, person }) => {
  const screen = await visit();
  await screen.signIn("tom", PASSWORD);
  await screen.openUser((await person("jerry")).id);
  await screen.composer.fill("never sent");
  const { token } = await screen.page.evaluate(
    () => JSON.parse(localStorage.getItem("chatserver.session") ?? "{}") as { token: string },
  );
  await screen.signOut();
  await screen.signInPage.waitFor();
  await eventually(async () => assert.deepEqual(await screen.storedKeys(), []));
  await eventually(async () => {
    const headers = { authorization: `Bearer ${token}` };
    const { status } = await fetch(new URL("/v1/test-auth", screen.page.url()), { headers });
    assert.equal(status, 401);
  });
  await screen.page.reload();
  await screen.signInPage.waitFor();
  assert.deepEqual(await screen.storedKeys(), []);
});

scene("a session that the server has ended leads back to the sign-in page", async ({ enter, newPerson }) => {
  const tyke = await newPerson("tyke");
  const screen = await enter(tyke);
  screen.expects(/401 \(Unauthorized\)/, /WebSocket connection/);
  await screen.inside.waitFor();
  await eventually(async () => assert.equal((await tyke.rest.get("/v1/conversations")).conversations.length, 0));
  await tyke.rest.post("/v1/users/logout");
  await screen.page.getByText(say.front.signedOut).waitFor();
});
