/** Complete messages and conversations for tests, with the fields that a test sets. */

import type { Conversation, Message } from "../../src/index.js";

export function message(part: Partial<Message> & { seq: number }): Message {
  return {
    id: 100 + part.seq,
    conversation_id: 1,
    rev: part.seq,
    sender_id: 1,
    recipient_id: 2,
    group_id: 0,
    type: "text",
    content: `message ${part.seq}`,
    media: [],
    media_url: "",
    reply_to: null,
    quote: null,
    thread_id: null,
    thread: null,
    forwarded_from: null,
    reactions: [],
    mentions: [],
    mention_all: false,
    custom: null,
    client_msg_id: null,
    timestamp: "2026-01-01T16:00:00Z",
    edited_at: null,
    deleted_at: null,
    pinned_at: null,
    pinned_by: null,
    streaming: null,
    status: "PENDING",
    ...part,
  };
}

/** Without per-member state, as in a frame about all members. */
export function conversation(part: Partial<Conversation> = {}): Conversation {
  return {
    id: 1,
    kind: "direct",
    user_id: 2,
    group_id: null,
    name: null,
    owner_id: null,
    rev: 1,
    last_seq: 0,
    n_members: 2,
    created_at: "2026-01-01T16:00:00Z",
    ...part,
  };
}

export const OWN = {
  role: "member",
  delivered_seq: 0,
  read_seq: 0,
  unread: 0,
  mentions: 0,
  marked_unread: false,
  muted_until: null,
  archived: false,
  pinned: false,
  draft: null,
  capabilities: ["post"],
};
