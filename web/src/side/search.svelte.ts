/** A search: its text, the results so far, and whether there are more. */

import type { Message } from "chatserver-client";
import { reasonOf } from "../model/reason.js";
import type { Session } from "../session/session.svelte.js";
import { say } from "../strings.js";
import { isSearchable, parseQuery, type Mark, type Query } from "./query.js";

/** Pause in typing after which the search starts. */
const REST_MS = 250;
/** Time after which the client shows that the search is slow. */
const SLOW_MS = 1500;
const PAGE = 30;
/** Size of the only page of results that are ordered by relevance. */
const BEST_PAGE = 100;

export type SearchState = "empty" | "busy" | "slow" | "done" | "failed";

export class Search {
  text = $state("");
  order = $state<"newest" | "best">("newest");
  state = $state<SearchState>("empty");
  found = $state.raw<readonly Message[]>([]);
  /** Why the search failed. */
  error = $state("");
  hasMore = $state(false);
  isLoadingMore = $state(false);
  marks = $state.raw<readonly Mark[]>([]);

  #asks = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `conversation` returns the conversation to search; `undefined` for all. */
  constructor(
    readonly session: Session,
    readonly conversation: () => number | undefined,
  ) {}

  /** Searches after a pause in typing. */
  typed(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.search(), REST_MS);
  }

  async search(): Promise<void> {
    clearTimeout(this.#timer);
    const ask = (this.#asks += 1);
    const query = parseQuery(this.text);
    if (!isSearchable(query, this.conversation() !== undefined)) {
      this.state = "empty";
      this.found = [];
      return;
    }
    this.state = "busy";
    const slow = setTimeout(() => ask === this.#asks && (this.state = "slow"), SLOW_MS);
    try {
      const page = await this.#page(query);
      if (ask !== this.#asks) return;
      this.marks = query.marks;
      this.#take([], page);
      this.state = "done";
    } catch (error) {
      if (ask !== this.#asks) return;
      this.error = reasonOf(error);
      this.state = "failed";
    } finally {
      clearTimeout(slow);
    }
  }

  async more(): Promise<void> {
    const last = this.found.at(-1);
    if (last === undefined || this.isLoadingMore || !this.hasMore) return;
    const ask = this.#asks;
    this.isLoadingMore = true;
    const page = await this.session.notices.try(this.#page(parseQuery(this.text), last.id));
    this.isLoadingMore = false;
    if (ask !== this.#asks) return;
    this.#take(this.found, page ?? []);
  }

  close(): void {
    this.#asks += 1;
    clearTimeout(this.#timer);
  }

  #take(before: readonly Message[], page: readonly Message[]): void {
    this.found = [...before, ...page];
    this.hasMore = this.order === "newest" && page.length === PAGE;
  }

  async #page({ q, from, since, until, hasMedia }: Query, before?: number): Promise<readonly Message[]> {
    const { session, order } = this;
    const conversation = this.conversation();
    const sender = from === undefined ? undefined : await this.#idOf(from);
    const query = {
      ...(q === "" ? {} : { q }),
      ...(sender === undefined ? {} : { sender_id: sender }),
      ...(conversation === undefined ? {} : { conversation_id: conversation }),
      ...(since === undefined ? {} : { since }),
      ...(until === undefined ? {} : { until }),
      ...(hasMedia === undefined ? {} : { has_media: hasMedia }),
      ...(before === undefined ? {} : { before_id: before }),
      order,
      lean: 1,
      limit: order === "best" ? BEST_PAGE : PAGE,
    };
    const { messages } = await session.client.rest.get("/v1/search", { query });
    return messages;
  }

  async #idOf(name: string): Promise<number> {
    if (name.toLowerCase() === "me") return this.session.chat.me;
    const users = await this.session.people.search(name);
    const found = users.find(({ username }) => username.toLowerCase() === name.toLowerCase());
    if (found === undefined) throw new Error(say.panel.nobodyNamed(name));
    return found.id;
  }
}
