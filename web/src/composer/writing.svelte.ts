/** What is being written, in one conversation or thread. What acts on messages (reply, edit) speaks to the composer by it. */

import type { Message } from "chatserver-client";

export class Writing {
  text = $state("");
  /** The message that is answered. */
  replyTo = $state.raw<Message | undefined>();
  /** The message of our own that is changed. */
  editing = $state.raw<Message | undefined>();
  /** Moves when the composer is to have the focus. */
  wanted = $state(0);

  reply(message: Message): void {
    this.#leaveEditing();
    this.replyTo = message;
    this.wanted += 1;
  }

  edit(message: Message): void {
    this.replyTo = undefined;
    this.editing = message;
    this.text = message.content;
    this.wanted += 1;
  }

  /** Neither answers nor changes anything any longer. */
  cancel(): void {
    this.replyTo = undefined;
    this.#leaveEditing();
  }

  #leaveEditing(): void {
    if (this.editing === undefined) return;
    this.editing = undefined;
    this.text = "";
  }
}
