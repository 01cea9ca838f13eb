/**
 * Keeps on this device what is on the screen, and shows it again where a page starts without a server. Written when the
 * connection or the page goes; `forget` in keep.ts clears it.
 */

import { keptOf, recalled } from "../model/recalled.js";
import { kept } from "./keep.js";
import type { Session } from "./session.svelte.js";

const NAME = "recalled";
/** A server that says nothing for so long may not be there. */
const PATIENCE_MS = 3000;

/** Until the function that comes back is called. */
export function remember(session: Session): () => void {
  const { chat, client, people, place, shelf } = session;
  let wasLive = false;

  function keep(): void {
    // Another tab may have signed out.
    if (!chat.isLoaded || kept()?.username !== session.username) return;
    const { target } = place;
    const open = target && ("user" in target ? chat.directWith(target.user)?.id : target.conversation);
    shelf.set(
      NAME,
      keptOf(client.state, open, (id) => people.known(id)),
    );
  }

  function recall(): void {
    const found = recalled(shelf.get(NAME));
    if (found === undefined || chat.isLoaded || chat.isRecalled) return;
    if (client.state.userId !== 0 && client.state.userId !== found.me) return;
    people.learn(found.people);
    chat.recall(found);
  }

  function hidden(): void {
    if (document.visibilityState === "hidden") keep();
  }

  const end = client.on("status", ({ status }) => {
    if (status === "unauthorized") shelf.set(NAME, undefined);
    if (status === "waiting" && wasLive) keep();
    if (status === "waiting") recall();
    wasLive = status === "live";
  });
  const late = setTimeout(recall, PATIENCE_MS);
  addEventListener("pagehide", keep);
  document.addEventListener("visibilitychange", hidden);
  return () => {
    end();
    clearTimeout(late);
    removeEventListener("pagehide", keep);
    document.removeEventListener("visibilitychange", hidden);
  };
}
