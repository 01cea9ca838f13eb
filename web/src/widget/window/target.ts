/** Finds the conversation that the page asks for. */

import type { Conversation } from "chatserver-client";
import type { To } from "../messages.js";

/** Returns the conversation's id, if it exists. A group has one only for its members. */
export function conversationOf(to: To, conversations: readonly Conversation[]): number | undefined {
  if ("conversation" in to) return to.conversation;
  const isMeant = ({ kind, user_id, group_id }: Conversation): boolean =>
    "user" in to ? kind === "direct" && user_id === to.user : group_id === to.group;
  return conversations.find(isMeant)?.id;
}
