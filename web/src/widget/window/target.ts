/** Whom the page wants one to talk to, among the conversations there are. */

import type { Conversation } from "chatserver-client";
import type { To } from "../messages.js";

/** The conversation's id, if there is one yet; a group has one if the user is a member. */
export function conversationOf(to: To, conversations: readonly Conversation[]): number | undefined {
  if ("conversation" in to) return to.conversation;
  const isMeant = ({ kind, user_id, group_id }: Conversation): boolean =>
    "user" in to ? kind === "direct" && user_id === to.user : group_id === to.group;
  return conversations.find(isMeant)?.id;
}
