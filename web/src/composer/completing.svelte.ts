/** The suggestions at the caret, and the one that Enter would choose. */

import { emojiOptions, mentionOptions, triggerAt, type Option, type Trigger } from "./completion.js";
import { loadEmoji } from "./emoji-load.js";
import { findEmoji } from "./emoji.js";
import type { Member } from "./naming.js";

export interface Sources {
  members: () => Promise<readonly Member[]>;
  /** Label of the option that mentions all members. */
  allLabel: string;
}

export class Completing {
  options = $state.raw<readonly Option[]>([]);
  active = $state(0);

  #trigger: Trigger | undefined;
  /** Index of the word for which the user closed the suggestions; it gets no further ones. */
  #declined: number | undefined;
  #updates = 0;

  constructor(readonly sources: Sources) {}

  get isOpen(): boolean {
    return this.options.length > 0;
  }

  /** Updates the suggestions for the text before the caret. Results of earlier calls are dropped. */
  async update(text: string, caret: number): Promise<void> {
    const update = (this.#updates += 1);
    const trigger = triggerAt(text, caret);
    if (trigger === undefined || trigger.from !== this.#declined) this.#declined = undefined;
    if (trigger === undefined || this.#declined !== undefined) return this.#offer([]);
    const options = await this.#optionsFor(trigger).catch(() => []);
    if (update !== this.#updates) return;
    this.#trigger = trigger;
    this.#offer(options);
  }

  move(step: number): void {
    const { length } = this.options;
    this.active = (this.active + step + length) % length;
  }

  /** Returns the replacement for an option, and closes the suggestions. */
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
    this.#updates += 1;
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
