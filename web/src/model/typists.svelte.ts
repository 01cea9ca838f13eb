/** Who types where, for as long as the server said. */

import type { TypingFrame } from "chatserver-client";
import { SvelteMap } from "svelte/reactivity";

interface Typist {
  conversation: number;
  user: number;
}

const keyOf = (conversation: number, user: number): string => `${conversation}:${user}`;

export class Typists {
  readonly #typing = new SvelteMap<string, Typist>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  /** The users who type in a conversation now. */
  in(conversation: number): number[] {
    return [...this.#typing.values()].filter((typist) => typist.conversation === conversation).map(({ user }) => user);
  }

  types({ conversation_id: conversation, user_id: user, expires_in_ms }: TypingFrame): void {
    const key = keyOf(conversation, user);
    clearTimeout(this.#timers.get(key));
    this.#typing.set(key, { conversation, user });
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
    for (const key of [...this.#typing.keys()]) this.#end(key);
  }

  #end(key: string): void {
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    this.#typing.delete(key);
  }
}
