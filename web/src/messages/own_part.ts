/** What a conversation is to its user alone: muted, kept at the top, archived, marked as unread. The stream brings the result back. */

import Archive from "@lucide/svelte/icons/archive";
import ArchiveRestore from "@lucide/svelte/icons/archive-restore";
import Bell from "@lucide/svelte/icons/bell";
import BellOff from "@lucide/svelte/icons/bell-off";
import Mail from "@lucide/svelte/icons/mail";
import Pin from "@lucide/svelte/icons/pin";
import PinOff from "@lucide/svelte/icons/pin-off";
import type { Conversation, Input } from "chatserver-client";
import type { Item } from "../design/Menu.svelte";
import type { Session } from "../session/session.svelte.js";
import { say } from "../strings.js";

type Change = Input<"patch", "/v1/conversations/{id}/state">["body"];

/** Until somebody wants to hear of it again. */
const FOR_EVER = "9999-12-31T23:59:59Z";

export function isMuted({ muted_until }: Conversation): boolean {
  return muted_until != null && Date.parse(muted_until) > Date.now();
}

export async function change({ client, chat, notices }: Session, { id }: Conversation, body: Change): Promise<void> {
  const changed = await notices.try(client.rest.patch("/v1/conversations/{id}/state", { path: { id }, body }));
  if (changed === undefined) return;
  client.state.applyConversation(changed, true);
  chat.touched(id);
}

/** The menu of a conversation, as far as it concerns its user alone. */
export function ownPartItems(session: Session, conversation: Conversation): Item[] {
  const to = (body: Change) => (): void => void change(session, conversation, body);
  const words = say.messages;
  return [
    isMuted(conversation)
      ? { name: words.unmute, icon: Bell, act: to({ muted_until: null }) }
      : { name: words.mute, icon: BellOff, act: to({ muted_until: FOR_EVER }) },
    conversation.pinned === true
      ? { name: words.unpinFromTop, icon: PinOff, act: to({ pinned: false }) }
      : { name: words.pinToTop, icon: Pin, act: to({ pinned: true }) },
    conversation.archived === true
      ? { name: words.unarchive, icon: ArchiveRestore, act: to({ archived: false }) }
      : { name: words.archive, icon: Archive, act: to({ archived: true }) },
    { name: words.markUnread, icon: Mail, act: () => markUnread(session, conversation) },
  ];
}

/** Whoever marks what is open wants to come back to it later. */
function markUnread(session: Session, conversation: Conversation): void {
  const { place, chat } = session;
  const { target } = place;
  const open = target && ("user" in target ? chat.directWith(target.user)?.id : target.conversation);
  if (open === conversation.id) place.open(undefined);
  void change(session, conversation, { marked_unread: true });
}
