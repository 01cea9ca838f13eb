/** The users who are typing, for as long as the server has said. */

import type { TypingFrame } from "chatserver-client";

interface Typist {
  conversation: number;
  user: number;
}

const keyOf = (conversation: number, user: number): string => `${conversation}:${user}`;

export class Typists {
  #typing = $state.raw<readonly Typist[]>([]);
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  /** Returns the ids of the users who are typing in a conversation. */
  in(conversation: number): number[] {
    return this.#typing.filter((typist) => typist.conversation === conversation).map(({ user }) => user);
  }

  started({ conversation_id: conversation, user_id: user, expires_in_ms }: TypingFrame): void {
    const key = keyOf(conversation, user);
    clearTimeout(this.#timers.get(key));
    if (!this.#timers.has(key)) this.#typing = [...this.#typing, { conversation, user }];
    this.#timers.set(
      key,
      setTimeout(() => this.#end(key), expires_in_ms),
    );
  }

  /** Ends a user's typing, because a message of that user has arrived. */
  stopped(conversation: number, user: number): void {
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
