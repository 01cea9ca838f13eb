/** Notifications of messages that arrive outside the open conversation. */

import type { ChatEvents, Conversation, Message } from "chatserver-client";
import { isMuted } from "../conversations/order.js";
import { textOf } from "../conversations/preview.js";
import type { Session } from "../session/session.svelte.js";
import { preferences } from "../settings/preferences.svelte.js";
import { say } from "../strings.js";
import { chime } from "./chime.js";

export interface Arrival {
  conversation: Conversation;
  message: Message;
  /** The sender, and the group if there is one. */
  from: string;
  text: string;
}

const SHOWN_MS = 5000;

export class Arrivals {
  /** The last arrival, for a moment. */
  latest = $state.raw<Arrival | undefined>();
  readonly #session: Session;
  readonly #isEmbedded: boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(session: Session, isEmbedded: boolean) {
    this.#session = session;
    this.#isEmbedded = isEmbedded;
  }

  /** Starts listening. Returns a function that stops it. */
  listen(): () => void {
    const remove = this.#session.client.on("message", (frame) => void this.#received(frame));
    return () => {
      remove();
      clearTimeout(this.#timer);
    };
  }

  open({ conversation, message }: Arrival): void {
    this.dismiss();
    this.#session.place.show(conversation.id, message.id);
  }

  dismiss(): void {
    clearTimeout(this.#timer);
    this.latest = undefined;
  }

  async #received({ event, message }: ChatEvents["message"]): Promise<void> {
    const { chat, place } = this.#session;
    // Missed messages arrive all at once after a reconnect, and show in the list.
    if (event !== "created" || !chat.isLive || message.sender_id === chat.me || message.deleted_at !== null) return;
    const conversation = this.#session.client.state.conversation(message.conversation_id);
    if (conversation === undefined || !this.#isNotable(conversation, message)) return;
    const isOpen = place.conversation === conversation.id || isWith(place.target, conversation);
    const isSeen = this.#isEmbedded || (document.visibilityState === "visible" && document.hasFocus());
    if (isOpen && isSeen) return;
    const arrival = await this.#arrival(conversation, message);
    if (!isOpen) this.#show(arrival);
    if (!this.#isEmbedded && preferences.sounds) chime();
    if (!isSeen) this.#notify(arrival);
  }

  #isNotable(conversation: Conversation, { seq }: Message): boolean {
    const isQuiet = isMuted(conversation) || conversation.archived === true;
    return !isQuiet && seq > (conversation.read_seq ?? 0);
  }

  async #arrival(conversation: Conversation, message: Message): Promise<Arrival> {
    const sender = await this.#session.people.nameOf(message.sender_id);
    const from = conversation.name === null ? sender : say.workspace.arrivedIn(sender, conversation.name);
    return { conversation, message, from, text: textOf(message) };
  }

  #show(arrival: Arrival): void {
    this.dismiss();
    this.latest = arrival;
    this.#timer = setTimeout(() => this.dismiss(), SHOWN_MS);
  }

  #notify(arrival: Arrival): void {
    if (!preferences.notifies || !("Notification" in window) || Notification.permission !== "granted") return;
    try {
      const tag = `chatserver-${arrival.conversation.id}`;
      const notification = new Notification(arrival.from, { body: arrival.text, tag, silent: true });
      notification.onclick = () => {
        window.focus();
        notification.close();
        this.open(arrival);
      };
    } catch {
      // Mobile browsers have the class but refuse to construct it. The page itself shows the message.
    }
  }
}

function isWith(target: Session["place"]["target"], { user_id }: Conversation): boolean {
  return target !== undefined && "user" in target && target.user === user_id;
}
