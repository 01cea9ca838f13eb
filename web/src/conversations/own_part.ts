/**
 * Changes the per-member state of a conversation: pinned, muted, archived, marked as unread. The server applies it, and
 * its stream reports the change to all devices of the user.
 */

import Archive from "@lucide/svelte/icons/archive";
import ArchiveRestore from "@lucide/svelte/icons/archive-restore";
import Bell from "@lucide/svelte/icons/bell";
import BellOff from "@lucide/svelte/icons/bell-off";
import Mail from "@lucide/svelte/icons/mail";
import MailOpen from "@lucide/svelte/icons/mail-open";
import Pin from "@lucide/svelte/icons/pin";
import PinOff from "@lucide/svelte/icons/pin-off";
import type { Conversation, Input } from "chatserver-client";
import type { Item } from "../design/Menu.svelte";
import type { Session } from "../session/session.svelte.js";
import { say } from "../strings.js";
import { isMuted, isUnread } from "./order.js";

type Change = Input<"patch", "/v1/conversations/{id}/state">["body"];

const HOUR_MS = 3_600_000;
/** Far in the future, but within the range of times that servers accept. */
const FOR_EVER = "9999-01-01T00:00:00Z";

export function changeOwnPart(session: Session, id: number, change: Change): void {
  void session.notices.try(session.client.rest.patch("/v1/conversations/{id}/state", { path: { id }, body: change }));
}

/** Mutes for a number of hours; forever without one. */
export function mute(session: Session, id: number, hours?: number): void {
  const until = hours === undefined ? FOR_EVER : new Date(Date.now() + hours * HOUR_MS).toISOString();
  changeOwnPart(session, id, { muted_until: until });
}

export function unmute(session: Session, id: number): void {
  changeOwnPart(session, id, { muted_until: null });
}

/** Marks as unread, and closes the conversation if it is open, because an open one would be marked as read at once. */
export function markUnread(session: Session, { id }: Conversation): void {
  const { target } = session.place;
  const open = target && ("user" in target ? session.chat.directWith(target.user)?.id : target.conversation);
  if (open === id) session.place.open(undefined);
  changeOwnPart(session, id, { marked_unread: true });
}

export function markRead(session: Session, { id, last_seq, unread = 0 }: Conversation): void {
  if (unread > 0) void session.notices.try(session.client.read(id, last_seq));
  else changeOwnPart(session, id, { marked_unread: false });
}

/** Returns the menu items for all of these changes. */
export function ownPartItems(session: Session, conversation: Conversation): Item[] {
  const { id, pinned = false, archived = false } = conversation;
  const words = say.conversations;
  const pin = { name: pinned ? words.unpin : words.pin, icon: pinned ? PinOff : Pin };
  const archive = { name: archived ? words.unarchive : words.archive, icon: archived ? ArchiveRestore : Archive };
  return [
    { ...pin, act: () => changeOwnPart(session, id, { pinned: !pinned }) },
    ...muteItems(session, conversation),
    isUnread(conversation)
      ? { name: words.markRead, icon: MailOpen, act: () => markRead(session, conversation) }
      : { name: words.markUnread, icon: Mail, act: () => markUnread(session, conversation) },
    { ...archive, act: () => changeOwnPart(session, id, { archived: !archived }) },
  ];
}

export function muteItems(session: Session, conversation: Conversation): Item[] {
  const { id } = conversation;
  const words = say.conversations;
  if (isMuted(conversation)) return [{ name: words.unmute, icon: Bell, act: () => unmute(session, id) }];
  return [
    { name: words.muteHours(1), icon: BellOff, act: () => mute(session, id, 1) },
    { name: words.muteHours(8), icon: BellOff, act: () => mute(session, id, 8) },
    { name: words.muteForEver, icon: BellOff, act: () => mute(session, id) },
  ];
}
