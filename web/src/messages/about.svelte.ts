/** What is asked about a message in a dialog. It outlives the message's place on the screen, which may scroll away. */

import type { Message } from "chatserver-client";

export type Question = "delete" | "forward" | "versions" | "info";

export class About {
  message = $state.raw<Message | undefined>();
  question = $state<Question>("info");

  ask(question: Question, message: Message): void {
    this.question = question;
    this.message = message;
  }

  close(): void {
    this.message = undefined;
  }
}
