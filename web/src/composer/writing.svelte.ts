/** The content of one composer. Actions on messages (reply, edit) reach the composer through it. */

import type { Media, Message } from "chatserver-client";

export class Writing {
  /** The message that is being replied to. */
  replyTo = $state.raw<Message | undefined>();
  /** The user's own message that is being edited. */
  editing = $state.raw<Message | undefined>();
  /** Attachments of the message. */
  attached = $state.raw<readonly Media[]>([]);
  /** The last message sent from here; resolves when the server has stored it. */
  sent: Promise<Message> | undefined;
  /** Incremented to move the focus into the composer. */
  focusCount = $state(0);

  #text = $state("");
  /** The draft, while a message is being edited in its place. */
  #held = $state("");
  readonly #changed: (draft: string) => void;

  /** `changed` is called after every local change of the draft. */
  constructor(changed: (draft: string) => void = () => undefined) {
    this.#changed = changed;
  }

  /** The text in the field. */
  get text(): string {
    return this.#text;
  }

  set text(text: string) {
    this.#text = text;
    if (this.editing === undefined) this.#changed(text);
  }

  /** The unsent text; does not include the text of an edit. */
  get draft(): string {
    return this.editing === undefined ? this.#text : this.#held;
  }

  /** Whether nothing would be lost by starting something else. */
  get isIdle(): boolean {
    return this.draft === "" && this.editing === undefined && this.attached.length === 0;
  }

  /** Replaces the draft by one that was written elsewhere. */
  fill(draft: string): void {
    if (this.editing === undefined) this.#text = draft;
    else this.#held = draft;
  }

  reply(message: Message): void {
    this.#leaveEditing();
    this.replyTo = message;
    this.focusCount += 1;
  }

  edit(message: Message): void {
    this.#held = this.draft;
    this.replyTo = undefined;
    this.editing = message;
    this.#text = message.content;
    this.focusCount += 1;
  }

  /** Ends replying and editing. */
  cancel(): void {
    this.replyTo = undefined;
    this.#leaveEditing();
  }

  /** Empties the composer after sending. */
  clear(): void {
    this.replyTo = undefined;
    this.attached = [];
    this.text = "";
  }

  /** Takes over the content of another composer. */
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
    this.#text = this.#held;
    this.#held = "";
  }
}
