/** Who types where, for as long as the server said. */

import type { TypingFrame } from "chatserver-client";

interface Typist {
  conversation: number;
  user: number;
}

const keyOf = (conversation: number, user: number): string => `${conversation}:${user}`;

export class Typists {
  #typing = $state.raw<readonly Typist[]>([]);
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  /** The users who type in a conversation now. */
  in(conversation: number): number[] {
    return this.#typing.filter((typist) => typist.conversation === conversation).map(({ user }) => user);
  }

  types({ conversation_id: conversation, user_id: user, expires_in_ms }: TypingFrame): void {
    const key = keyOf(conversation, user);
    clearTimeout(this.#timers.get(key));
    if (!this.#timers.has(key)) this.#typing = [...this.#typing, { conversation, user }];
    this.#timers.set(
      key,
      setTimeout(() => this.#end(key), expires_in_ms),
    );
  }

  /** Whoever has sent a message does not type any longer. */
  ceased(conversation: number, user: number): void {
    this.#end(keyOf(conversation, user));
  }

  clear(): void {
    for (const key of [...this.#timers.keys()]) this.#end(key);
  }

  #end(key: string): void {
    clearTimeout(this.#timers.get(key));
    if (!this.#timers.delete(key)) return;
    this.#typing = this.#typing.filter(({ conversation, user }) => keyOf(conversation, user) !== key);
  }
}
