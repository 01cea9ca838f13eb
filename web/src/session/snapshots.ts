/**
 * Stores what is on the screen on this device, and shows it when a page starts without a server. Written when the
 * connection or the page ends; `clearStorage` in saved_login.ts removes it.
 */

import { parseSnapshot, snapshotOf } from "../model/snapshot.js";
import { savedLogin } from "./saved_login.js";
import type { Session } from "./session.svelte.js";

const NAME = "recalled";
/** Time without an answer after which the stored state is shown. */
const DELAY_MS = 3000;

/** Starts storing. Returns a function that stops it. */
export function keepSnapshots(session: Session): () => void {
  const { chat, client, people, place, userStorage } = session;
  let wasLive = false;

  function store(): void {
    // Another tab may have signed out.
    if (!chat.isLoaded || savedLogin()?.username !== session.username) return;
    const { target } = place;
    const open = target && ("user" in target ? chat.directWith(target.user)?.id : target.conversation);
    userStorage.set(
      NAME,
      snapshotOf(client.state, open, (id) => people.known(id)),
    );
  }

  function restore(): void {
    const found = parseSnapshot(userStorage.get(NAME));
    if (found === undefined || chat.isLoaded || chat.isSnapshot) return;
    if (client.state.userId !== 0 && client.state.userId !== found.me) return;
    people.learn(found.people);
    chat.showSnapshot(found);
  }

  function hidden(): void {
    if (document.visibilityState === "hidden") store();
  }

  const stopListening = client.on("status", ({ status }) => {
    if (status === "unauthorized") userStorage.set(NAME, undefined);
    if (status === "waiting" && wasLive) store();
    if (status === "waiting") restore();
    wasLive = status === "live";
  });
  const late = setTimeout(restore, DELAY_MS);
  addEventListener("pagehide", store);
  document.addEventListener("visibilitychange", hidden);
  return () => {
    stopListening();
    clearTimeout(late);
    removeEventListener("pagehide", store);
    document.removeEventListener("visibilitychange", hidden);
  };
}
