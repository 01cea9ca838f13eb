/** Complete conversations and messages for tests, with the fields that a test sets. */

import type { Conversation, Message } from "chatserver-client";

export function conversation(parts: Partial<Conversation>): Conversation {
  return {
    id: 1,
    kind: "group",
    user_id: null,
    group_id: 1,
    name: "Group",
    owner_id: 1,
    rev: 1,
    last_seq: 1,
    n_members: 2,
    created_at: "2026-01-01T00:00:00Z",
    ...parts,
  };
}

export function message(parts: Partial<Message>): Message {
  return {
    id: 1,
    conversation_id: 1,
    seq: 1,
    rev: 1,
    sender_id: 2,
    recipient_id: 0,
    group_id: 1,
    type: "text",
    content: "",
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
    timestamp: "2026-01-01T00:00:00Z",
    edited_at: null,
    deleted_at: null,
    pinned_at: null,
    pinned_by: null,
    streaming: null,
    status: "SENT",
    ...parts,
  };
}
