/**
 * What a client knows: messages, conversations, receipts, presence.
 * A reducer over frames and pages: applies an object only if it is newer, so that applying twice is harmless.
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
import { Roster } from "./roster.js";
import { Timeline } from "./timeline.js";
import { Tally, type Counted } from "./unread.js";

/** In characters. */
const QUOTE_LENGTH = 200;

export interface Pointers {
  delivered_seq: number;
  read_seq: number;
}

/** `gap`: text is missing before it; the message has to be fetched. */
export type Applied = "applied" | "old" | "gap";

/** Which part of a conversation a page of its history was asked for. */
export interface PageOf {
  before_seq?: number;
  after_seq?: number;
  limit?: number;
}

/** Length in characters as the server counts them. */
export function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/** A message in brief, as the server puts it into those that answer it. */
function quoteOf({ id, sender_id, content, deleted_at }: Message): Quote {
  const brief = [...content.slice(0, 2 * QUOTE_LENGTH)].slice(0, QUOTE_LENGTH).join("");
  return { message_id: id, sender_id, content: brief, deleted: deleted_at !== null };
}

/** By the newest message; where there is none yet, the younger conversation comes first. */
function byNewest(a: Conversation, b: Conversation): number {
  return (b.last_message?.id ?? 0) - (a.last_message?.id ?? 0) || b.id - a.id;
}

export class ChatState {
  #userId = 0;
  readonly #timelines = new Map<number, Timeline>();
  readonly #messages = new Map<number, Message>();
  readonly #lengths = new Map<number, number>();
  /** Which messages quote one. */
  readonly #replies = new Map<number, Set<number>>();
  readonly #conversations = new Map<number, Conversation>();
  readonly #counted = new Map<number, Counted>();
  /** How much of a conversation is unread; absent where it has to be counted anew. */
  readonly #tallies = new Map<number, Tally>();
  readonly #roster = new Roster((id) => this.#now(id), byNewest);
  readonly #receipts = new Map<number, Map<number, Pointers>>();
  readonly #presence = new Map<number, PresenceFrame>();
  readonly #hidden = new Set<number>();

  /** Whose state it is; 0 until the server has said so. */
  get userId(): number {
    return this.#userId;
  }

  set userId(id: number) {
    if (id === this.#userId) return;
    this.#userId = id;
    for (const conversation of this.#conversations.keys()) this.#recount(conversation);
  }

  /** The newest messages of a conversation, ordered by seq and without a hole; the same array until one changes. */
  messages(conversationId: number): readonly Message[] {
    return this.#timelines.get(conversationId)?.window ?? [];
  }

  /** The messages around one of them, without a hole, wherever in the conversation; empty if it is not known. */
  stretch(conversationId: number, seq: number): readonly Message[] {
    return this.#timelines.get(conversationId)?.stretch(seq) ?? [];
  }

  message(id: number): Message | undefined {
    return this.#messages.get(id);
  }

  /** A conversation as of now: the server's last word on it, and what has come since. The same object until it changes. */
  conversation(id: number): Conversation | undefined {
    return this.#roster.get(id);
  }

  /** All conversations, the one with the newest message first. */
  conversations(): Conversation[] {
    return this.#roster.all();
  }

  #now(id: number): Conversation | undefined {
    const stored = this.#conversations.get(id);
    if (stored === undefined) return undefined;
    const known = this.#timelines.get(id)?.known ?? [];
    const newest = known.at(-1);
    const pointers = this.pointers(id, this.userId);
    const tally = this.#tallies.get(id) ?? new Tally(this.#counted.get(id), known, pointers.read_seq, this.userId);
    this.#tallies.set(id, tally);
    return {
      ...stored,
      ...(newest === undefined ? {} : { last_message: newest }),
      ...pointers,
      ...tally.sum,
      last_seq: Math.max(stored.last_seq, newest?.seq ?? 0),
    };
  }

  /** What is unread there no longer follows from what was counted before. */
  #recount(id: number): void {
    this.#tallies.delete(id);
    this.#roster.changed(id);
  }

  /** How far a member is; nowhere, if nothing is known. */
  pointers(conversationId: number, userId: number): Pointers {
    const pointers = this.#receipts.get(conversationId)?.get(userId);
    return { delivered_seq: pointers?.delivered_seq ?? 0, read_seq: pointers?.read_seq ?? 0 };
  }

  /** `PENDING`, `DELIVERED` or `READ`; of a group's message what the server says. */
  status(message: Message): string {
    if (message.group_id !== 0) return message.status;
    const { delivered_seq, read_seq } = this.pointers(message.conversation_id, message.recipient_id);
    if (read_seq >= message.seq) return "READ";
    return message.status === "PENDING" && delivered_seq >= message.seq ? "DELIVERED" : message.status;
  }

  presence(userId: number): PresenceFrame | undefined {
    return this.#presence.get(userId);
  }

  /** Applies a frame; frames that carry no state are `old`. */
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

  /** Takes a message if its `rev` is newer than what is known of it. */
  applyMessage(message: Message): boolean {
    this.#timeline(message.conversation_id).follow(message.seq);
    return this.#put(message);
  }

  #put(message: Message): boolean {
    if (this.#isHidden(message) || !this.#timeline(message.conversation_id).put(message)) return false;
    this.#taken(message);
    return true;
  }

  #isHidden(message: Message): boolean {
    const isHidden = this.#hidden.has(message.id);
    // Others' answers quote it all the same.
    if (isHidden) this.#quoted(message);
    return isHidden;
  }

  /** It is in its timeline; what else depends on it follows. */
  #taken(message: Message): void {
    const { id, conversation_id, reply_to } = message;
    this.#tallies.get(conversation_id)?.replace(this.#messages.get(id), message);
    this.#roster.changed(conversation_id);
    this.#messages.set(id, message);
    this.#lengths.delete(id);
    if (reply_to !== null) {
      this.#replies.set(reply_to, (this.#replies.get(reply_to) ?? new Set()).add(id));
      this.#quote(id, this.#messages.get(reply_to));
    }
    this.#quoted(message);
  }

  /** A quote moves no `rev` of the message that has it: it follows from the message quoted, where that is known. */
  #quote(replyId: number, original: Message | undefined): void {
    const reply = this.#messages.get(replyId);
    if (reply === undefined || original === undefined) return;
    const changed = { ...reply, quote: quoteOf(original) };
    this.#messages.set(replyId, changed);
    this.#timeline(reply.conversation_id).replace(changed);
    this.#roster.changed(reply.conversation_id);
  }

  #quoted(original: Message): void {
    for (const reply of this.#replies.get(original.id) ?? []) this.#quote(reply, original);
  }

  /**
   * Merges a conversation field by field: whoever lacks a field keeps what it has, and where both have it, the newer
   * one's counts. What a member changes for itself leaves `rev` as it is, and the stream tells it in order: its frames
   * count (`isNews`) where they are no older, pages only where they are newer.
   */
  applyConversation(got: Conversation, isNews = false): void {
    // Kept among the messages, where it can change.
    const { last_message, ...told } = got;
    const have = this.#conversations.get(got.id);
    const isNewer = have === undefined || told.rev > have.rev || (isNews && told.rev === have.rev);
    this.#timeline(got.id).follow(got.last_seq + 1);
    const { unread, mentions = 0, delivered_seq = 0, read_seq = 0, rev, last_seq } = told;
    if (unread !== undefined && (isNewer || have.unread === undefined)) {
      this.#counted.set(got.id, { rev, last_seq, read_seq, unread, mentions });
      this.#tallies.delete(got.id);
    }
    this.#forward(got.id, this.userId, { delivered_seq, read_seq });
    this.#roster.changed(got.id);
    this.#conversations.set(got.id, isNewer ? { ...have, ...told } : { ...told, ...have });
    if (last_message) this.applyMessage(last_message);
  }

  /** Applies a page of history, and notes which part of the conversation is complete by it. */
  applyPage(conversationId: number, messages: readonly Message[], of: PageOf): void {
    const seqs = messages.map((message) => message.seq);
    const { before_seq = Infinity, after_seq } = of;
    const [from, to] =
      after_seq === undefined
        ? [Math.min(...seqs, before_seq), before_seq]
        : [after_seq + 1, Math.max(...seqs, after_seq) + 1];
    this.#timeline(conversationId).complete(from, to);
    const shown = messages.filter((message) => !this.#isHidden(message));
    for (const message of this.#timeline(conversationId).putAll(shown)) this.#taken(message);
  }

  /** Forgets everything but whose it is. */
  clear(): void {
    const parts = [
      this.#timelines, this.#messages, this.#lengths, this.#replies, this.#conversations,
      this.#counted, this.#tallies, this.#roster, this.#receipts, this.#presence, this.#hidden,
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
    const { conversation_id: id, read_seq, unread, mentions = 0 } = frame;
    const wasAt = this.pointers(id, frame.user_id).read_seq;
    const isUnmarked = unread !== undefined && this.#unmark(id);
    if (!this.#forward(id, frame.user_id, frame)) return isUnmarked;
    const timeline = this.#timeline(id);
    // What is known behind the pointer is counted here; the server's count is for what is not loaded.
    if (unread !== undefined && read_seq > wasAt && !timeline.isCompleteAfter(read_seq)) {
      const have = this.#conversations.get(id);
      const last_seq = Math.max(have?.last_seq ?? 0, timeline.known.at(-1)?.seq ?? 0);
      this.#counted.set(id, { rev: Math.max(have?.rev ?? 0, timeline.rev), last_seq, read_seq, unread, mentions });
      this.#tallies.delete(id);
    }
    return true;
  }

  /** Reading takes the mark of being unread away, and no other frame tells of that. */
  #unmark(id: number): boolean {
    const have = this.#conversations.get(id);
    if (have?.marked_unread !== true) return false;
    this.#conversations.set(id, { ...have, marked_unread: false });
    this.#roster.changed(id);
    return true;
  }

  /** Pointers only grow. */
  #forward(conversationId: number, userId: number, to: Pointers): boolean {
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
    if (this.#hidden.has(frame.message_id)) return false;
    // Remembered, so that a page on its way does not bring it back.
    this.#hidden.add(frame.message_id);
    const have = this.#messages.get(frame.message_id);
    if (have === undefined) return true;
    this.#messages.delete(have.id);
    this.#lengths.delete(have.id);
    this.#timelines.get(have.conversation_id)?.remove(have.seq);
    this.#tallies.get(have.conversation_id)?.replace(have, undefined);
    this.#roster.changed(have.conversation_id);
    return true;
  }
}
