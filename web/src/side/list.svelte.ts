/** A list of messages in the side panel that follows changes: pins, saved messages. */

import type { Message } from "chatserver-client";
import type { Chat } from "../model/chat.svelte.js";

export class MessageList {
  state = $state<"loading" | "done" | "failed">("loading");
  hasMore = $state(false);
  isLoadingMore = $state(false);

  #loaded = $state.raw<readonly Message[]>([]);
  #asks = 0;

  /** `page` loads the messages before one, or the first ones. A page that is not full is the last. */
  constructor(
    readonly chat: Chat,
    readonly size: number,
    readonly page: (before: number | undefined) => Promise<readonly Message[]>,
  ) {}

  /** The messages in their latest known state. */
  get messages(): readonly Message[] {
    return this.#loaded.map((message) => {
      const known = this.chat.message(message.id, message.conversation_id);
      return known !== undefined && known.rev >= message.rev ? known : message;
    });
  }

  /** Reloads the list. The present content stays until then. */
  async load(): Promise<void> {
    const ask = (this.#asks += 1);
    try {
      const page = await this.page(undefined);
      if (ask !== this.#asks) return;
      this.#loaded = page;
      this.hasMore = page.length === this.size;
      this.state = "done";
    } catch {
      if (ask === this.#asks && this.state === "loading") this.state = "failed";
    }
  }

  async more(): Promise<void> {
    const last = this.#loaded.at(-1);
    if (last === undefined || !this.hasMore || this.isLoadingMore) return;
    const ask = this.#asks;
    this.isLoadingMore = true;
    const page = await this.page(last.id).catch(() => []);
    this.isLoadingMore = false;
    if (ask !== this.#asks) return;
    this.#loaded = [...this.#loaded, ...page];
    this.hasMore = page.length === this.size;
  }

  remove(id: number): void {
    this.#loaded = this.#loaded.filter((message) => message.id !== id);
  }

  retry(): void {
    this.state = "loading";
    void this.load();
  }
}
