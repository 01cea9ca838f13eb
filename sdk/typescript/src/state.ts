/**
 * The client's state: messages, conversations, receipts, presence.
 * A reducer over frames and pages: applies an object only if it is newer, so applying one twice is harmless.
 * Has no network and no clock.
 */

import type {
  AppendFrame,
  Conversation,
  HiddenFrame,
  Message,
  PresenceFrame,
  Quote,
  ReceiptFrame,
  ServerFrame,
} from "./protocol.js";
import { SortedCache } from "./sorted-cache.js";
import { Timeline } from "./timeline.js";
import { mentionsUser, Tally, type ServerCount } from "./unread.js";

/** Length of a quote in Unicode characters. */
const QUOTE_LENGTH = 200;

export interface Pointers {
  delivered_seq: number;
  read_seq: number;
}

/** Result of applying a frame. `gap`: text before it is missing, and the message has to be fetched. */
export type Applied = "applied" | "old" | "gap";

/** Which part of a conversation's history to load. */
export interface PageOf {
  before_seq?: number;
  after_seq?: number;
  /** The messages around a time (RFC 3339), such as `new Date(2026, 10, 1).toISOString()`. */
  at?: string;
  limit?: number;
}

/** Returns the length in Unicode characters, as the server counts. */
export function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/** Builds a quote as the server puts it into replies. */
function quoteOf({ id, sender_id, content, deleted_at }: Message): Quote {
  const brief = [...content.slice(0, 2 * QUOTE_LENGTH)].slice(0, QUOTE_LENGTH).join("");
  return { message_id: id, sender_id, content: brief, deleted: deleted_at !== null };
}

/** Orders by the newest message; conversations without one by creation, newest first. */
function byNewest(a: Conversation, b: Conversation): number {
  return (b.last_message?.id ?? 0) - (a.last_message?.id ?? 0) || b.id - a.id;
}

export class ChatState {
  #userId = 0;
  readonly #timelines = new Map<number, Timeline>();
  readonly #messages = new Map<number, Message>();
  readonly #lengths = new Map<number, number>();
  /** Ids of the messages that quote a message. */
  readonly #replies = new Map<number, Set<number>>();
  readonly #conversations = new Map<number, Conversation>();
  readonly #serverCounts = new Map<number, ServerCount>();
  /** Unread counts; absent where they have to be recomputed. */
  readonly #tallies = new Map<number, Tally>();
  readonly #sorted = new SortedCache((id) => this.#now(id), byNewest);
  readonly #receipts = new Map<number, Map<number, Pointers>>();
  readonly #presence = new Map<number, PresenceFrame>();
  readonly #hidden = new Set<number>();
  /** Ids of deleted messages that mentioned the user before. */
  readonly #mentioned = new Set<number>();
  /**
   * Ids of conversations whose counts may contain a deleted message that was not known before: only the server knows
   * whether it was counted. The reader removes them.
   */
  readonly unsure = new Set<number>();

  /** Id of the user that this state belongs to; 0 until the server has named it. */
  get userId(): number {
    return this.#userId;
  }

  set userId(id: number) {
    if (id === this.#userId) return;
    this.#userId = id;
    for (const conversation of this.#conversations.keys()) this.#recount(conversation);
  }

  /** Returns the newest messages without a gap, by `seq`. The same array until one changes. */
  messages(conversationId: number): readonly Message[] {
    return this.#timelines.get(conversationId)?.window ?? [];
  }

  /** Returns the messages around `seq` without a gap, anywhere in the conversation. Empty if `seq` is not loaded. */
  stretch(conversationId: number, seq: number): readonly Message[] {
    return this.#timelines.get(conversationId)?.around(seq) ?? [];
  }

  message(id: number): Message | undefined {
    return this.#messages.get(id);
  }

  /** Returns a conversation with its current counts and last message. The same object until it changes. */
  conversation(id: number): Conversation | undefined {
    return this.#sorted.get(id);
  }

  /** Returns all conversations, newest message first. */
  conversations(): Conversation[] {
    return this.#sorted.all();
  }

  #now(id: number): Conversation | undefined {
    const stored = this.#conversations.get(id);
    if (stored === undefined) return undefined;
    const known = this.#timelines.get(id)?.known ?? [];
    const newest = known.at(-1);
    const pointers = this.pointers(id, this.userId);
    const tally = this.#tallies.get(id) ?? this.#tally(id, known);
    this.#tallies.set(id, tally);
    return {
      ...stored,
      ...(newest === undefined ? {} : { last_message: newest }),
      ...pointers,
      ...tally.sum,
      last_seq: Math.max(stored.last_seq, newest?.seq ?? 0),
    };
  }

  #tally(id: number, known: readonly Message[]): Tally {
    const { read_seq } = this.pointers(id, this.userId);
    return new Tally(this.#serverCounts.get(id), known, read_seq, this.userId, this.#mentioned);
  }

  /** Discards the unread count, because it no longer follows from the previous one. */
  #recount(id: number): void {
    this.#tallies.delete(id);
    this.#sorted.changed(id);
  }

  /** Returns a member's pointers; 0 where nothing is known. */
  pointers(conversationId: number, userId: number): Pointers {
    return this.#receipts.get(conversationId)?.get(userId) ?? { delivered_seq: 0, read_seq: 0 };
  }

  /** Returns `PENDING`, `DELIVERED` or `READ`; for a group's message the status that the server sent. */
  status(message: Message): string {
    if (message.group_id !== 0) return message.status;
    const { delivered_seq, read_seq } = this.pointers(message.conversation_id, message.recipient_id);
    if (read_seq >= message.seq) return "READ";
    return message.status === "PENDING" && delivered_seq >= message.seq ? "DELIVERED" : message.status;
  }

  presence(userId: number): PresenceFrame | undefined {
    return this.#presence.get(userId);
  }

  /** Applies a frame. Returns `old` for frames that carry no state. */
  apply(frame: ServerFrame): Applied {
    switch (frame.type) {
      case "message":
        return this.applyMessage(frame.message) ? "applied" : "old";
      case "append":
        return this.#append(frame);
      case "conversation":
        this.applyConversation(frame.conversation, true);
        return "applied";
      case "receipt":
        return this.#receipt(frame) ? "applied" : "old";
      case "hidden":
        return this.#hide(frame) ? "applied" : "old";
      case "presence":
        this.#presence.set(frame.user_id, frame);
        return "applied";
      default:
        return "old";
    }
  }

  /** Applies a message if its `rev` is newer than the known one. */
  applyMessage(message: Message): boolean {
    const timeline = this.#timeline(message.conversation_id);
    timeline.follow(message.seq);
    if (this.#isHidden(message) || !timeline.put(message)) return false;
    this.#afterPut(message);
    return true;
  }

  #isHidden(message: Message): boolean {
    if (!this.#hidden.has(message.id)) return false;
    // Replies by others quote it nevertheless.
    this.#updateReplies(message);
    return true;
  }

  /** Updates everything that depends on a message which its timeline has accepted. */
  #afterPut(message: Message): void {
    const { id, conversation_id, reply_to } = message;
    const had = this.#messages.get(id);
    if (message.deleted_at !== null) {
      if (had === undefined) this.#tally(conversation_id, []).step(message) < 0 && this.unsure.add(conversation_id);
      else if (mentionsUser(had, this.userId)) this.#mentioned.add(id);
    }
    this.#tallies.get(conversation_id)?.replace(had, message);
    this.#sorted.changed(conversation_id);
    this.#messages.set(id, message);
    this.#lengths.delete(id);
    if (reply_to !== null) {
      this.#replies.set(reply_to, (this.#replies.get(reply_to) ?? new Set()).add(id));
      this.#updateQuote(id, this.#messages.get(reply_to));
    }
    this.#updateReplies(message);
  }

  /** Updates a reply's quote from the original, if that is known: a changed original moves no `rev` of its replies. */
  #updateQuote(replyId: number, original: Message | undefined): void {
    const reply = this.#messages.get(replyId);
    if (reply === undefined || original === undefined) return;
    const changed = { ...reply, quote: quoteOf(original) };
    this.#messages.set(replyId, changed);
    this.#timeline(reply.conversation_id).replace(changed);
    this.#sorted.changed(reply.conversation_id);
  }

  #updateReplies(original: Message): void {
    for (const reply of this.#replies.get(original.id) ?? []) this.#updateQuote(reply, original);
  }

  /**
   * Merges a conversation field by field. A field that only one side has is kept; of two, the newer one counts. A
   * member's changes of its own state leave `rev` unchanged, but the stream delivers them in order: frames (`isNews`)
   * count if they are not older, pages only if they are newer.
   */
  applyConversation(got: Conversation, isNews = false): void {
    // Kept among the messages, where it can change.
    const { last_message, ...fields } = got;
    const have = this.#conversations.get(got.id);
    const counted = this.#serverCounts.get(got.id);
    const { delivered_seq = 0, read_seq = 0, rev, last_seq } = fields;
    const isNewerThan = (known?: { rev: number }): boolean =>
      known === undefined || rev > known.rev || (isNews && rev === known.rev);
    const isNewer = isNewerThan(have);
    this.#timeline(got.id).follow(last_seq + 1);
    // Frames bring counts too, which may be newer than those of a page.
    if (isNewerThan(counted) || read_seq > counted!.read_seq) this.#count(got.id, fields);
    this.#advance(got.id, this.userId, { delivered_seq, read_seq });
    this.#sorted.changed(got.id);
    this.#conversations.set(got.id, isNewer ? { ...have, ...fields } : { ...fields, ...have });
    if (last_message) this.applyMessage(last_message);
  }

  /** Applies a page of history, and notes which range of the conversation it completes. */
  applyPage(conversationId: number, messages: readonly Message[], of: PageOf): void {
    const seqs = messages.map((message) => message.seq);
    const { before_seq = Infinity, after_seq, at } = of;
    const from = after_seq === undefined ? Math.min(...seqs, before_seq) : after_seq + 1;
    const to = (after_seq ?? at) === undefined ? before_seq : Math.max(...seqs, from - 1) + 1;
    this.#timeline(conversationId).complete(from, to);
    const shown = messages.filter((message) => !this.#isHidden(message));
    for (const message of this.#timeline(conversationId).putAll(shown)) this.#afterPut(message);
  }

  /** Forgets everything except the user's id. */
  clear(): void {
    const parts = [
      this.#timelines, this.#messages, this.#lengths, this.#replies, this.#conversations,
      this.#serverCounts, this.#tallies, this.#sorted, this.#receipts, this.#presence, this.#hidden,
      this.#mentioned, this.unsure,
    ];
    for (const part of parts) part.clear();
  }

  #timeline(conversationId: number): Timeline {
    const timeline = this.#timelines.get(conversationId) ?? new Timeline();
    this.#timelines.set(conversationId, timeline);
    return timeline;
  }

  #append(frame: AppendFrame): Applied {
    const have = this.#messages.get(frame.message_id);
    if (have === undefined) return this.#hidden.has(frame.message_id) ? "old" : "gap";
    if (frame.rev <= have.rev) return "old";
    const length = this.#lengths.get(have.id) ?? lengthOf(have.content);
    if (frame.offset !== length) return "gap";
    this.applyMessage({ ...have, content: have.content + frame.content, rev: frame.rev });
    this.#lengths.set(have.id, length + lengthOf(frame.content));
    return "applied";
  }

  #receipt(frame: ReceiptFrame): boolean {
    const { conversation_id: id, read_seq, unread } = frame;
    const previousSeq = this.pointers(id, frame.user_id).read_seq;
    const wasUnmarked = unread !== undefined && this.#unmark(id);
    if (!this.#advance(id, frame.user_id, frame)) return wasUnmarked;
    // Known messages after the pointer are counted here. The server's count is needed only for those not loaded.
    if (read_seq > previousSeq && !this.#timeline(id).isCompleteAfter(read_seq)) this.#count(id, frame);
    return true;
  }

  /** Takes the server's counts, unless there are none or they are from before a reading that is known. */
  #count(id: number, { read_seq = 0, unread, mentions = 0, rev, last_seq }: Partial<ServerCount>): void {
    if (unread === undefined || read_seq < this.pointers(id, this.userId).read_seq) return;
    // Earlier releases do not tell in which state counts hold.
    rev ??= Math.max(this.#conversations.get(id)?.rev ?? 0, this.#timeline(id).rev);
    last_seq ??= this.conversation(id)?.last_seq ?? 0;
    this.#serverCounts.set(id, { rev, last_seq, read_seq, unread, mentions });
    this.#recount(id);
  }

  /** Removes the unread mark: reading clears it, and no other frame reports that. */
  #unmark(id: number): boolean {
    const have = this.#conversations.get(id);
    if (!have?.marked_unread) return false;
    this.#conversations.set(id, { ...have, marked_unread: false });
    this.#sorted.changed(id);
    return true;
  }

  /** Moves a member's pointers. They only grow. */
  #advance(conversationId: number, userId: number, to: Pointers): boolean {
    const have = this.pointers(conversationId, userId);
    if (to.delivered_seq <= have.delivered_seq && to.read_seq <= have.read_seq) return false;
    const members = this.#receipts.get(conversationId) ?? new Map<number, Pointers>();
    members.set(userId, {
      delivered_seq: Math.max(have.delivered_seq, to.delivered_seq),
      read_seq: Math.max(have.read_seq, to.read_seq),
    });
    this.#receipts.set(conversationId, members);
    if (userId === this.userId) this.#recount(conversationId);
    return true;
  }

  #hide(frame: HiddenFrame): boolean {
    const { conversation_id, message_id } = frame;
    // The user's own op has hidden it already when its frame brings the counts.
    const isNews = !this.#hidden.has(message_id) || frame.unread !== this.conversation(conversation_id)?.unread;
    // Remembered, so that a page in flight does not bring it back.
    this.#hidden.add(message_id);
    const have = this.#messages.get(message_id);
    if (have) this.#timeline(conversation_id).remove(have.seq);
    this.#messages.delete(message_id);
    this.#lengths.delete(message_id);
    this.#recount(conversation_id);
    this.#count(conversation_id, frame);
    return isNews;
  }
}
