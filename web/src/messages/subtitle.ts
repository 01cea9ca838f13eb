/** The line below the name in the head of a conversation: who is typing, number of members, or presence. */

import type { Conversation } from "chatserver-client";
import type { Session } from "../session/session.svelte.js";
import { say } from "../strings.js";
import { shortTime } from "../text/time.js";
import { today } from "../text/today.svelte.js";

/** `user` is the other user of a direct conversation. */
export function subtitleOf({ chat, people }: Session, conversation: Conversation | undefined, user?: number): string {
  const typists = conversation === undefined ? [] : chat.typists.in(conversation.id);
  if (typists.length > 0) return say.messages.typing(typists.map((id) => people.name(id)));
  if (conversation?.kind === "group") return say.messages.members(conversation.n_members ?? 0);
  const presence = user === undefined ? undefined : chat.presence(user);
  if (presence === undefined) return "";
  if (presence.status !== "offline") return say.messages[presence.status];
  const { last_seen } = presence;
  return last_seen === null ? say.messages.offline : say.messages.lastSeen(shortTime(last_seen, today.date));
}
