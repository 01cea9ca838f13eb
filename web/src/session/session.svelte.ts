/** A signed-in user with a connection of their own. A page can have two of them. */

import { ChatClient, Rest, type OutboxStorage } from "chatserver-client";
import { getContext, setContext } from "svelte";
import { Chat } from "../model/chat.svelte.js";
import { PresenceView } from "../model/presence_view.js";
import { Notices } from "../model/notices.svelte.js";
import { People } from "../model/people.svelte.js";
import type { Writing } from "../composer/writing.svelte.js";
import { Writings } from "../composer/writings.js";
import { About } from "../messages/about.svelte.js";
import { Pictures } from "../messages/pictures.svelte.js";
import { Saved } from "../messages/saved.svelte.js";
import { PAGE } from "../messages/timeline.svelte.js";
import { Place, type Target } from "../place/place.svelte.js";
import { UserStorage } from "./user_storage.js";

export interface SessionOptions {
  url: string;
  /** A JWT, or a function that returns one, called before every connection and request. */
  token: string | (() => Promise<string>);
  username: string;
  /** An existing client to use. */
  client?: ChatClient;
  /** Stores unsent messages across reloads; without it nothing is stored. */
  storage?: OutboxStorage;
  /** Ends the session for good. */
  signOut: () => void;
  /** Receives a new token that replaces an ended one. Without it the password can't be changed. */
  renewed?: (token: string) => void;
}

export class Session {
  readonly client: ChatClient;
  readonly chat: Chat;
  readonly people: People;
  readonly notices = new Notices();
  readonly place = new Place();
  readonly presenceView: PresenceView;
  readonly about = new About();
  readonly pictures = new Pictures();
  readonly saved: Saved;
  readonly username: string;
  readonly signOut: () => void;
  /** Storage on this device; in a session without `storage`, memory only. */
  readonly userStorage: UserStorage;
  readonly writings: Writings;
  readonly #url: string;
  /** The newest messages of the conversation that was open when the connection was made. */
  #prefetched: { conversation: number; messages: Promise<unknown> } | undefined;
  readonly #renewed: ((token: string) => void) | undefined;
  #token: string | Promise<string> | (() => Promise<string>);

  constructor({ url, token, username, client, storage, signOut, renewed }: SessionOptions) {
    const outbox = storage === undefined ? {} : { storage, storageKey: "outbox" };
    this.#url = url;
    this.#token = token;
    this.#renewed = renewed;
    this.client = client ?? new ChatClient({ url, getToken: () => this.#currentToken(), ...outbox });
    this.chat = new Chat(this.client);
    this.people = new People(this.client.rest);
    this.presenceView = new PresenceView(this.client);
    this.saved = new Saved(this.client);
    this.username = username;
    this.signOut = signOut;
    this.userStorage = new UserStorage(storage === undefined ? undefined : username);
    this.writings = new Writings(this.client, this.userStorage);
    this.client.on("live", () => this.people.retry());
  }

  /** Whether the password can be changed here. */
  get isRenewable(): boolean {
    return this.#renewed !== undefined;
  }

  /** Changes the password. That ends all tokens; this session continues with the new one. */
  async changePassword(old_password: string, new_password: string): Promise<void> {
    const present = await this.#currentToken();
    const rest = new Rest({ url: this.#url, token: () => present });
    const answer = rest.post("/v1/users/password", { body: { old_password, new_password } });
    // The connection may end before the answer arrives; it then waits for the new token.
    this.#token = answer.then(
      ({ token }) => token,
      () => present,
    );
    this.#renewed?.((await answer).token);
  }

  /** Connects, and stays connected until `close`. */
  open(): void {
    const remove = this.client.on("live", () => {
      remove();
      this.#prefetch();
    });
    // The status of the connection says why it was refused.
    this.client.connect().then(
      () => this.chat.loaded(),
      () => undefined,
    );
  }

  /** Requests the open conversation in parallel with the list of conversations. */
  #prefetch(): void {
    const { conversation, jump } = this.place;
    if (conversation === undefined || jump !== undefined) return;
    const messages = this.client.history(conversation, { limit: PAGE });
    // Opening the conversation requests them again, and reports the error.
    this.#prefetched = { conversation, messages: messages.catch(() => undefined) };
  }

  /** Waits for the messages of a conversation, if they were prefetched. */
  async prefetched(conversation: number): Promise<void> {
    if (this.#prefetched?.conversation === conversation) await this.#prefetched.messages;
  }

  close(): void {
    this.writings.close();
    this.client.close();
  }

  #currentToken(): string | Promise<string> {
    return typeof this.#token === "function" ? this.#token() : this.#token;
  }

  /** Returns the composer of a conversation, or of one of its threads. */
  writing(target: Target, thread?: number): Writing {
    return this.writings.of(target, thread);
  }
}

const KEY = Symbol("session");

export function provideSession(session: Session): void {
  setContext(KEY, session);
}

/** Returns the session that the component belongs to. */
export function theSession(): Session {
  return getContext<Session>(KEY);
}
