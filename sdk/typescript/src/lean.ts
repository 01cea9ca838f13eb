/**
 * Lean messages (docs/stream.md): they arrive without the members that have their default values, which are filled in
 * here. Nothing else in the client knows the defaults.
 */

/** Fills in the defaults of the messages in a frame or an answer. Those of a `message` frame belong to its conversation. */
export function complete(value: any, conversation_id?: number): any {
  if (value?.sender_id && value.rev >= 0) {
    // Not searched: what the application stores in `custom` may look like a message.
    return {
      conversation_id,
      recipient_id: 0,
      group_id: 0,
      type: "text",
      content: "",
      media: [],
      media_url: "",
      reply_to: null,
      quote: null,
      thread_id: null,
      thread: null,
      forwarded_from: null,
      custom: null,
      client_msg_id: null,
      edited_at: null,
      deleted_at: null,
      pinned_at: null,
      pinned_by: null,
      streaming: null,
      reactions: [],
      mentions: [],
      mention_all: false,
      status: value.group_id ? "SENT" : "PENDING",
      ...value,
    };
  }
  if (typeof value === "object") for (const name in value) value[name] = complete(value[name], value.conversation_id);
  return value;
}
