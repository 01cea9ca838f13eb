/** The current place in the client: conversation, message, side panel. Knows no URL. */

/** The panel beside the conversation. */
export type Panel =
  | { kind: "thread"; root: number }
  | { kind: "details" }
  | { kind: "pins" }
  /** `text` is the search text, if it is already known. */
  | { kind: "search"; everywhere: boolean; text?: string }
  | { kind: "saved" };

/** The dialog above everything. */
export type Sheet = "settings" | "new-direct" | "new-group" | "date" | "shortcuts" | undefined;

/** A conversation, or a user without one yet. */
export type Target = { conversation: number } | { user: number };

export class Place {
  target = $state.raw<Target | undefined>();
  panel = $state.raw<Panel | undefined>();
  sheet = $state<Sheet>();
  /** A message to show and highlight. A new object each time, so that the same one can be jumped to twice. */
  jump = $state.raw<{ conversation: number; message: number } | undefined>();
  /** Search text of the last opened result, to restore it when the user returns to the search. */
  searched = "";
  /** Whether the last change only renamed the place. History then replaces the previous entry. */
  isRenamed = false;

  /** Id of the open conversation. */
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

  /** Replaces the open user by the conversation that has begun with them. */
  rename(target: Target): void {
    this.isRenamed = true;
    this.target = target;
  }

  /** Opens the thread of a message beside the conversation. */
  openThread(root: number): void {
    this.panel = { kind: "thread", root };
  }

  /** Shows a message, wherever it is. */
  show(conversation: number, message: number): void {
    this.open({ conversation });
    this.jump = { conversation, message };
  }
}
