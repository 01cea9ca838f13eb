/** The menu of a message. */

import Forward from "@lucide/svelte/icons/forward";
import Bookmark from "@lucide/svelte/icons/bookmark";
import BookmarkX from "@lucide/svelte/icons/bookmark-x";
import Copy from "@lucide/svelte/icons/copy";
import Info from "@lucide/svelte/icons/info";
import Link from "@lucide/svelte/icons/link";
import Thread from "@lucide/svelte/icons/message-square-reply";
import Pencil from "@lucide/svelte/icons/pencil";
import Pin from "@lucide/svelte/icons/pin";
import PinOff from "@lucide/svelte/icons/pin-off";
import Reply from "@lucide/svelte/icons/reply";
import Trash from "@lucide/svelte/icons/trash-2";
import type { Message } from "chatserver-client";
import type { Writing } from "../composer/writing.svelte.js";
import type { Item } from "../design/Menu.svelte";
import { linkTo } from "../place/address.js";
import type { Session } from "../session/session.svelte.js";
import { say } from "../strings.js";
import { copyText } from "../text/copy.js";
import { abilitiesOf } from "./abilities.js";
import { isWaiting } from "./rows.js";

/** Returns the menu items of a message. `writing` is the composer next to it, if there is one. */
export function actionsOn(session: Session, message: Message, writing: Writing | undefined): Item[] {
  if (isWaiting(message)) return waitingActions(session, message);
  const can = abilitiesOf(session, message);
  const { about } = session;
  const all: (Item | false)[] = [
    writing !== undefined && can.reply && { name: words.reply, icon: Reply, act: () => writing.reply(message) },
    can.thread && { name: words.thread, icon: Thread, act: () => session.place.openThread(message.id) },
    writing !== undefined && can.edit && { name: words.edit, icon: Pencil, act: () => writing.edit(message) },
    ...(message.deleted_at === null ? textActions(session, message) : []),
    can.pin && pinAction(session, message),
    message.deleted_at === null && saveAction(session, message),
    { name: words.info, icon: Info, act: () => about.open("info", message) },
    { name: words.delete, icon: Trash, danger: true, act: () => about.open("delete", message) },
  ];
  return all.filter((item) => item !== false);
}

const words = say.actions;

function waitingActions({ client }: Session, message: Message): Item[] {
  const discard = (): void => void client.discard(message.client_msg_id ?? "");
  return [{ name: words.discard, icon: Trash, danger: true, act: discard }];
}

function textActions(session: Session, message: Message): Item[] {
  const link = linkTo(message.conversation_id, message.id);
  return [
    { name: words.forward, icon: Forward, act: () => session.about.open("forward", message) },
    { name: words.copyText, icon: Copy, act: () => copy(session, message.content) },
    { name: words.copyLink, icon: Link, act: () => copy(session, link) },
  ];
}

function copy({ notices }: Session, text: string): void {
  copyText(text).then(
    () => notices.info(words.copied),
    (error: unknown) => notices.error(error),
  );
}

function pinAction({ client, notices }: Session, { id, pinned_at }: Message): Item {
  if (pinned_at !== null) return { name: words.unpin, icon: PinOff, act: () => void notices.try(client.unpin(id)) };
  return { name: words.pin, icon: Pin, act: () => void notices.try(client.pin(id)) };
}

function saveAction({ client, notices, saved }: Session, { id }: Message): Item {
  if (saved.has(id)) return { name: words.unsave, icon: BookmarkX, act: () => void notices.try(client.unsave(id)) };
  return { name: words.save, icon: Bookmark, act: () => void notices.try(client.save(id)) };
}
