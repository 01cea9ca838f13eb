/** What is offered at the caret now, and which of it is chosen by the next Enter. */

import { emojiOptions, mentionOptions, triggerAt, type Option, type Trigger } from "./completion.js";
import { loadEmoji } from "./emoji-load.js";
import { findEmoji } from "./emoji.js";
import type { Member } from "./naming.js";

export interface Sources {
  members: () => Promise<readonly Member[]>;
  /** What stands for all members. */
  allLabel: string;
}

export class Completing {
  options = $state.raw<readonly Option[]>([]);
  active = $state(0);

  #trigger: Trigger | undefined;
  /** Where it was declined: that word is not offered anything again. */
  #declined: number | undefined;
  #looks = 0;

  constructor(readonly sources: Sources) {}

  get isOpen(): boolean {
    return this.options.length > 0;
  }

  /** Looks at what was typed; what was looked for before is no longer wanted. */
  async look(text: string, caret: number): Promise<void> {
    const look = (this.#looks += 1);
    const trigger = triggerAt(text, caret);
    if (trigger === undefined || trigger.from !== this.#declined) this.#declined = undefined;
    if (trigger === undefined || this.#declined !== undefined) return this.#offer([]);
    const options = await this.#optionsFor(trigger).catch(() => []);
    if (look !== this.#looks) return;
    this.#trigger = trigger;
    this.#offer(options);
  }

  move(step: number): void {
    const { length } = this.options;
    this.active = (this.active + step + length) % length;
  }

  /** What takes whose place; nothing is offered any longer. */
  choose(option = this.options[this.active]): { from: number; to: number; text: string } | undefined {
    const trigger = this.#trigger;
    this.close();
    return trigger === undefined || option === undefined
      ? undefined
      : { from: trigger.from, to: trigger.to, text: option.text };
  }

  decline(): void {
    this.#declined = this.#trigger?.from;
    this.close();
  }

  close(): void {
    this.#looks += 1;
    this.#offer([]);
  }

  #offer(options: readonly Option[]): void {
    this.options = options;
    this.active = 0;
  }

  async #optionsFor({ kind, query }: Trigger): Promise<readonly Option[]> {
    const { members, allLabel } = this.sources;
    if (kind === "mention") return mentionOptions(query, await members(), allLabel);
    return emojiOptions(findEmoji(await loadEmoji(), query));
  }
}
