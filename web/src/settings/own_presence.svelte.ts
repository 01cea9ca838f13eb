/** How one wants to be seen by others. Kept on this device where the session is. */

import type { ChatClient } from "chatserver-client";
import type { Session } from "../session/session.svelte.js";

export const PRESENCES = ["online", "away", "invisible"] as const;
export type Presence = (typeof PRESENCES)[number];

const KEY = "chatserver.presence";

class OwnPresence {
  choice = $state<Presence>("online");

  constructor(
    readonly client: ChatClient,
    readonly isKept: boolean,
  ) {
    const found = PRESENCES.find((presence) => isKept && presence === localStorage.getItem(KEY));
    if (found === undefined) return;
    this.choice = found;
    client.presence(found);
  }

  choose(presence: Presence): void {
    this.choice = presence;
    this.client.presence(presence);
    if (this.isKept) localStorage.setItem(KEY, presence);
  }
}

const all = new WeakMap<Session, OwnPresence>();

/** The one of a session, which has told the server what was kept. */
export function ownPresenceOf(session: Session): OwnPresence {
  const have = all.get(session) ?? new OwnPresence(session.client, session.shelf.username !== undefined);
  all.set(session, have);
  return have;
}
