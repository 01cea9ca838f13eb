/** One user who is signed in, with a connection of their own; two can stand side by side in one page. */

import { ChatClient, type OutboxStorage } from "chatserver-client";
import { getContext, setContext } from "svelte";
import { Chat } from "../model/chat.svelte.js";
import { Notices } from "../model/notices.svelte.js";
import { People } from "../model/people.svelte.js";
import { Writing } from "../composer/writing.svelte.js";
import { About } from "../messages/about.svelte.js";
import { Saved } from "../messages/saved.svelte.js";
import { Place, type Target } from "../place/place.svelte.js";

export interface SessionOptions {
  url: string;
  token: string;
  username: string;
  /** Where unsent messages outlive the page; nowhere, if it is left out. */
  storage?: OutboxStorage;
  /** What ends the session for good. */
  signOut: () => void;
}

export class Session {
  readonly client: ChatClient;
  readonly chat: Chat;
  readonly people: People;
  readonly notices = new Notices();
  readonly place = new Place();
  readonly about = new About();
  readonly saved: Saved;
  readonly username: string;
  readonly signOut: () => void;
  readonly #writings = new Map<string, Writing>();

  constructor({ url, token, username, storage, signOut }: SessionOptions) {
    this.client = new ChatClient({ url, token, ...(storage === undefined ? {} : { storage, storageKey: "outbox" }) });
    this.chat = new Chat(this.client);
    this.people = new People(this.client.rest);
    this.saved = new Saved(this.client);
    this.username = username;
    this.signOut = signOut;
  }

  /** Connects, and stays connected until `close`. */
  open(): void {
    const loaded = (): void => void (this.chat.isLoaded = true);
    // Why it was refused stands in the connection's status.
    this.client.connect().then(loaded, () => undefined);
  }

  close(): void {
    this.client.close();
  }

  /** What is being written there, in the conversation itself or in one of its threads. */
  writing(target: Target, thread?: number): Writing {
    const key = JSON.stringify([target, thread]);
    const writing = this.#writings.get(key) ?? new Writing();
    this.#writings.set(key, writing);
    return writing;
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
