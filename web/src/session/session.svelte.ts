/** One user who is signed in, with a connection of their own; two can stand side by side in one page. */

import { ChatClient, type OutboxStorage } from "chatserver-client";
import { getContext, setContext } from "svelte";
import { Chat } from "../model/chat.svelte.js";
import { Notices } from "../model/notices.svelte.js";
import { People } from "../model/people.svelte.js";
import type { Writing } from "../composer/writing.svelte.js";
import { Writings } from "../composer/writings.js";
import { Place, type Target } from "../place/place.svelte.js";
import { Shelf } from "./shelf.js";

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
  readonly username: string;
  readonly signOut: () => void;
  /** What is kept on this device; in a session without storage, until the page is left. */
  readonly shelf: Shelf;
  readonly writings: Writings;

  constructor({ url, token, username, storage, signOut }: SessionOptions) {
    this.client = new ChatClient({ url, token, ...(storage === undefined ? {} : { storage, storageKey: "outbox" }) });
    this.chat = new Chat(this.client);
    this.people = new People(this.client.rest);
    this.username = username;
    this.signOut = signOut;
    this.shelf = new Shelf(storage === undefined ? undefined : username);
    this.writings = new Writings(this.client, this.shelf);
  }

  /** Connects, and stays connected until `close`. */
  open(): void {
    const loaded = (): void => void (this.chat.isLoaded = true);
    // Why it was refused stands in the connection's status.
    this.client.connect().then(loaded, () => undefined);
  }

  close(): void {
    this.writings.close();
    this.client.close();
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
