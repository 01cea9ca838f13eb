/** The open dialog about a message. It outlives the message's row, which may scroll away. */

import type { Message } from "chatserver-client";

export type DialogKind = "delete" | "forward" | "versions" | "info";

export class About {
  message = $state.raw<Message | undefined>();
  kind = $state<DialogKind>("info");

  open(kind: DialogKind, message: Message): void {
    this.kind = kind;
    this.message = message;
  }

  close(): void {
    this.message = undefined;
  }
}
