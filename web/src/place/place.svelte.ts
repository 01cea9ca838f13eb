/** Where in the client somebody is: which conversation, which message, what stands beside it. Knows no URL. */

/** What stands beside the conversation. */
export type Panel =
  | { kind: "thread"; root: number }
  | { kind: "details" }
  | { kind: "pins" }
  /** With the text that is looked for, where it is known already. */
  | { kind: "search"; everywhere: boolean; text?: string }
  | { kind: "saved" };

/** What stands over everything. */
export type Sheet = "settings" | "new-direct" | "new-group" | "shortcuts" | undefined;

/** A conversation, or a user with whom there is none yet. */
export type Target = { conversation: number } | { user: number };

export class Place {
  target = $state.raw<Target | undefined>();
  panel = $state.raw<Panel | undefined>();
  sheet = $state<Sheet>();
  /** A message to be shown and marked. A new object each time, so that the same one can be jumped to twice. */
  jump = $state.raw<{ conversation: number; message: number } | undefined>();
  /** What was looked for when something that was found was gone to, for whoever comes back to the search. */
  searched = "";
  /** Whether the last step led to the same place by another name: then the way back does not stop at the former one. */
  isRenamed = false;

  /** The conversation that is open. */
  get conversation(): number | undefined {
    return this.target !== undefined && "conversation" in this.target ? this.target.conversation : undefined;
  }

  open(target: Target | undefined): void {
    const isSame = JSON.stringify(target) === JSON.stringify(this.target);
    this.isRenamed = false;
    this.target = target;
    this.jump = undefined;
    if (!isSame && this.panel?.kind !== "saved" && !(this.panel?.kind === "search" && this.panel.everywhere)) {
      this.panel = undefined;
    }
  }

  /** The conversation with the user that is open has begun. */
  rename(target: Target): void {
    this.isRenamed = true;
    this.target = target;
  }

  /** The thread below a message stands beside the conversation. */
  openThread(root: number): void {
    this.panel = { kind: "thread", root };
  }

  /** Shows one message, wherever it is. */
  show(conversation: number, message: number): void {
    this.open({ conversation });
    this.jump = { conversation, message };
  }
}
