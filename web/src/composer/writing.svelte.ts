/** What is being written, in one conversation or thread. What acts on messages (reply, edit) speaks to the composer by it. */

import type { Media, Message } from "chatserver-client";

export class Writing {
  /** The message that is answered. */
  replyTo = $state.raw<Message | undefined>();
  /** The message of our own that is changed. */
  editing = $state.raw<Message | undefined>();
  /** What goes along with the text. */
  attached = $state.raw<readonly Media[]>([]);
  /** What was sent from here last: fulfilled when the server has it. */
  sent: Promise<Message> | undefined;
  /** Moves when the composer is to have the focus. */
  wanted = $state(0);

  #text = $state("");
  /** The draft, while a message is changed in its place. */
  #aside = $state("");
  readonly #changed: (draft: string) => void;

  /** `changed` hears of every change of the draft that is made here. */
  constructor(changed: (draft: string) => void = () => undefined) {
    this.#changed = changed;
  }

  /** What stands in the field. */
  get text(): string {
    return this.#text;
  }

  set text(text: string) {
    this.#text = text;
    if (this.editing === undefined) this.#changed(text);
  }

  /** What is written and not sent; the text of a message that is being changed is none. */
  get draft(): string {
    return this.editing === undefined ? this.#text : this.#aside;
  }

  /** Whether there is nothing that could be lost. */
  get isIdle(): boolean {
    return this.draft === "" && this.editing === undefined && this.attached.length === 0;
  }

  /** Puts a draft in its place that was written elsewhere. */
  fill(draft: string): void {
    if (this.editing === undefined) this.#text = draft;
    else this.#aside = draft;
  }

  reply(message: Message): void {
    this.#leaveEditing();
    this.replyTo = message;
    this.wanted += 1;
  }

  edit(message: Message): void {
    this.#aside = this.draft;
    this.replyTo = undefined;
    this.editing = message;
    this.#text = message.content;
    this.wanted += 1;
  }

  /** Neither answers nor changes anything any longer. */
  cancel(): void {
    this.replyTo = undefined;
    this.#leaveEditing();
  }

  /** It has been sent: nothing is left. */
  clear(): void {
    this.replyTo = undefined;
    this.attached = [];
    this.text = "";
  }

  /** Goes on with what was being written in another place. */
  takeOver(other: Writing): void {
    this.sent = other.sent;
    if (other.isIdle && other.replyTo === undefined) return;
    this.text = other.draft;
    this.replyTo = other.replyTo;
    this.attached = other.attached;
    other.cancel();
    other.clear();
  }

  #leaveEditing(): void {
    if (this.editing === undefined) return;
    this.editing = undefined;
    this.#text = this.#aside;
    this.#aside = "";
  }
}
