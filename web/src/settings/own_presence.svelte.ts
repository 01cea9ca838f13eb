/** The presence status that the user has chosen. Stored on this device if the session is. */

import type { ChatClient } from "chatserver-client";
import type { Session } from "../session/session.svelte.js";

export const PRESENCES = ["online", "away", "invisible"] as const;
export type Presence = (typeof PRESENCES)[number];

const KEY = "chatserver.presence";

class OwnPresence {
  choice = $state<Presence>("online");

  constructor(
    readonly client: ChatClient,
    readonly isStored: boolean,
  ) {
    const found = PRESENCES.find((presence) => isStored && presence === localStorage.getItem(KEY));
    if (found === undefined) return;
    this.choice = found;
    client.presence(found);
  }

  choose(presence: Presence): void {
    this.choice = presence;
    this.client.presence(presence);
    if (this.isStored) localStorage.setItem(KEY, presence);
  }
}

const all = new WeakMap<Session, OwnPresence>();

/** Returns the presence of a session. Creating it sends the stored status to the server. */
export function ownPresenceOf(session: Session): OwnPresence {
  const have = all.get(session) ?? new OwnPresence(session.client, session.userStorage.username !== undefined);
  all.set(session, have);
  return have;
}
