/** One user who is signed in, with a connection of their own; two can stand side by side in one page. */

import { ChatClient, Rest, type OutboxStorage } from "chatserver-client";
import { getContext, setContext } from "svelte";
import { Chat } from "../model/chat.svelte.js";
import { Looking } from "../model/looking.js";
import { Notices } from "../model/notices.svelte.js";
import { People } from "../model/people.svelte.js";
import type { Writing } from "../composer/writing.svelte.js";
import { Writings } from "../composer/writings.js";
import { About } from "../messages/about.svelte.js";
import { Pictures } from "../messages/pictures.svelte.js";
import { Saved } from "../messages/saved.svelte.js";
import { PAGE } from "../messages/timeline.svelte.js";
import { Place, type Target } from "../place/place.svelte.js";
import { Shelf } from "./shelf.js";

export interface SessionOptions {
  url: string;
  /** Or what gives one, asked before every connection and request. */
  token: string | (() => Promise<string>);
  username: string;
  /** One that is there already. */
  client?: ChatClient;
  /** Where unsent messages outlive the page; nowhere, if it is left out. */
  storage?: OutboxStorage;
  /** What ends the session for good. */
  signOut: () => void;
  /** Hears of a new token in place of the one that has ended; without it the account's password stays. */
  renewed?: (token: string) => void;
}

export class Session {
  readonly client: ChatClient;
  readonly chat: Chat;
  readonly people: People;
  readonly notices = new Notices();
  readonly place = new Place();
  readonly looking: Looking;
  readonly about = new About();
  readonly pictures = new Pictures();
  readonly saved: Saved;
  readonly username: string;
  readonly signOut: () => void;
  /** What is kept on this device; in a session without storage, until the page is left. */
  readonly shelf: Shelf;
  readonly writings: Writings;
  readonly #url: string;
  /** The newest messages of the conversation that was open when the connection came about. */
  #ahead: { conversation: number; messages: Promise<unknown> } | undefined;
  readonly #renewed: ((token: string) => void) | undefined;
  #token: string | Promise<string> | (() => Promise<string>);

  constructor({ url, token, username, client, storage, signOut, renewed }: SessionOptions) {
    const kept = storage === undefined ? {} : { storage, storageKey: "outbox" };
    this.#url = url;
    this.#token = token;
    this.#renewed = renewed;
    this.client = client ?? new ChatClient({ url, getToken: () => this.#givenToken(), ...kept });
    this.chat = new Chat(this.client);
    this.people = new People(this.client.rest);
    this.looking = new Looking(this.client);
    this.saved = new Saved(this.client);
    this.username = username;
    this.signOut = signOut;
    this.shelf = new Shelf(storage === undefined ? undefined : username);
    this.writings = new Writings(this.client, this.shelf);
    this.client.on("live", () => this.people.again());
  }

  /** Whether the password may be changed here. */
  get isRenewable(): boolean {
    return this.#renewed !== undefined;
  }

  /** Changes the password, which ends all tokens; this session goes on with the one that takes their place. */
  async changePassword(old_password: string, new_password: string): Promise<void> {
    const present = await this.#givenToken();
    const rest = new Rest({ url: this.#url, token: () => present });
    const answer = rest.post("/v1/users/password", { body: { old_password, new_password } });
    // The connection may end before the answer is here: it waits for the new token then.
    this.#token = answer.then(
      ({ token }) => token,
      () => present,
    );
    this.#renewed?.((await answer).token);
  }

  /** Connects, and stays connected until `close`. */
  open(): void {
    const leave = this.client.on("live", () => {
      leave();
      this.#askAhead();
    });
    // Why it was refused stands in the connection's status.
    this.client.connect().then(
      () => this.chat.loaded(),
      () => undefined,
    );
  }

  /** What is open is asked for beside the list of conversations, not after it. */
  #askAhead(): void {
    const { conversation, jump } = this.place;
    if (conversation === undefined || jump !== undefined) return;
    const messages = this.client.history(conversation, { limit: PAGE });
    // Whoever opens the conversation asks once more, and hears why.
    this.#ahead = { conversation, messages: messages.catch(() => undefined) };
  }

  /** Resolves when the messages of a conversation have come, if they were asked for ahead. */
  async ahead(conversation: number): Promise<void> {
    if (this.#ahead?.conversation === conversation) await this.#ahead.messages;
  }

  close(): void {
    this.writings.close();
    this.client.close();
  }

  #givenToken(): string | Promise<string> {
    return typeof this.#token === "function" ? this.#token() : this.#token;
  }

  /** What is being written there, in the conversation itself or in one of its threads. */
  writing(target: Target, thread?: number): Writing {
    return this.writings.of(target, thread);
  }
}

const KEY = Symbol("session");

export function provideSession(session: Session): void {
  setContext(KEY, session);
}

/** The session that the component belongs to. */
export function theSession(): Session {
  return getContext<Session>(KEY);
}
