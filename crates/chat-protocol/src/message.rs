//! Messages on the wire: one shape over REST and in the v2 stream (docs/contract.md, "v2 message").

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::lean::LeanMessage;
use crate::time::Time;

/// A link attached to a message. Only `url` is required.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Media {
    /// `https://`, `http://`, or a path on this server that begins with one `/`.
    #[schema(max_length = 2048)]
    pub url: String,
    /// `image`, `video`, `audio` or `file`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub kind: Option<String>,
    /// File name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// Size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub size: Option<u64>,
    /// Width in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub width: Option<u32>,
    /// Height in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub height: Option<u32>,
}

/// A message to send. At least one of `content`, `media_url` and `media` is required.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct SendRequest {
    /// Text, at most 16 KiB.
    #[schema(example = "Hello, Jerry!")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// URL of one attachment: `https://`, `http://`, or a path that begins with one `/`.
    #[schema(max_length = 2048)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_url: Option<String>,
    /// Attachments, instead of `media_url`; at most 10.
    #[schema(max_items = 10)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<Vec<Media>>,
    /// `text`, `image`, `video`, `audio` or `file`. Default: the type of the first attachment, else `text`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Id of the message that this one replies to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<i64>,
    /// Id of the root of the thread that this message belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<i64>,
    /// Ids of mentioned members; at most 100.
    #[schema(max_items = 100)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Vec<i64>>,
    /// Whether all members are mentioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mention_all: Option<bool>,
    /// Custom JSON object of the application, at most 4 KiB.
    #[schema(value_type = Option<Object>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<Value>,
    /// Whether the text grows by `append` until `finish`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streaming: Option<bool>,
    /// The sender's key for this message, at most 128 bytes. A retry with the same key gets the first result; a different message is refused (`key_reused`).
    #[schema(max_length = 128)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_msg_id: Option<String>,
}

/// A stored message, as the answer to a send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sent {
    /// A sentence about the result.
    pub message: String,
    /// Id of the message, unique on the server.
    #[schema(example = 7)]
    pub id: i64,
    /// Number of the message in its conversation: 1, 2, 3 … without gaps.
    #[schema(example = 1)]
    pub seq: i64,
    /// The conversation's `rev` with this message.
    #[schema(example = 1)]
    pub rev: i64,
    /// When the server accepted the message.
    pub timestamp: Time,
    /// Id of the message's conversation.
    #[schema(example = 1)]
    pub conversation_id: i64,
    /// The same as in the message object.
    #[serde(rename = "type")]
    #[schema(example = "text")]
    pub kind: Cow<'static, str>,
    /// The same as in the message object.
    #[schema(example = "PENDING")]
    pub status: Cow<'static, str>,
    /// The sender's key, if it was sent with one.
    #[schema(required)]
    pub client_msg_id: Option<String>,
    /// Whether this repeats the result of an earlier request with the same key.
    pub duplicate: bool,
}

/// An emoji under a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reaction {
    /// The emoji.
    #[schema(example = "👍")]
    pub emoji: String,
    /// Number of users who reacted with it.
    #[schema(example = 2)]
    pub count: u32,
    /// Whether the caller is one of those users.
    pub me: bool,
}

/// The message that a reply refers to, in its present state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quote {
    /// Id of the message.
    pub message_id: i64,
    /// Id of the author.
    pub sender_id: i64,
    /// At most 200 characters of the text; empty if the message was deleted.
    pub content: String,
    /// Whether the message was deleted.
    pub deleted: bool,
}

/// Summary of the replies to a thread's root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThreadSummary {
    /// Number of replies; deleted ones count.
    #[schema(example = 2)]
    pub replies: u32,
    /// When the last reply was sent.
    pub last_reply_at: Time,
}

/// Origin of a forwarded message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Forwarded {
    /// Id of the message that was forwarded first.
    pub message_id: i64,
    /// Id of the author.
    pub sender_id: i64,
}

/// A message.
// Read from its lean form, of which the complete form is a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(from = "LeanMessage")]
pub struct Message {
    /// Id of the message, unique on the server.
    #[schema(example = 7)]
    pub id: i64,
    /// Id of the author.
    #[schema(example = 1)]
    pub sender_id: i64,
    /// Id of the recipient; 0 in a group message.
    #[schema(example = 2)]
    pub recipient_id: i64,
    /// Id of the group; 0 in a direct message.
    #[schema(example = 0)]
    pub group_id: i64,
    /// `text`, `image`, `video`, `audio` or `file`.
    #[serde(rename = "type")]
    #[schema(example = "text")]
    pub kind: Cow<'static, str>,
    /// Text; empty if the message was deleted.
    pub content: String,
    /// URL of the first attachment; empty without one.
    pub media_url: String,
    /// When the server accepted the message.
    pub timestamp: Time,
    /// `PENDING`, `DELIVERED` or `READ` for a direct message, `SENT` for a group message.
    #[schema(example = "DELIVERED")]
    pub status: Cow<'static, str>,
    /// Id of the message's conversation.
    #[schema(example = 1)]
    pub conversation_id: i64,
    /// Number of the message in its conversation: 1, 2, 3 … without gaps.
    #[schema(example = 1)]
    pub seq: i64,
    /// The conversation's `rev` at the last change of this message.
    #[schema(example = 1)]
    pub rev: i64,
    /// Attachments.
    pub media: Vec<Media>,
    /// Id of the message that this one replies to.
    #[schema(required)]
    pub reply_to: Option<i64>,
    /// Summary of that message.
    #[schema(required)]
    pub quote: Option<Quote>,
    /// Id of the root of the thread that contains this message.
    #[schema(required)]
    pub thread_id: Option<i64>,
    /// Summary of the replies, if this message is a thread's root.
    #[schema(required)]
    pub thread: Option<ThreadSummary>,
    /// Origin, if this message was forwarded.
    #[schema(required)]
    pub forwarded_from: Option<Forwarded>,
    /// Reactions, in order of first use.
    pub reactions: Vec<Reaction>,
    /// Ids of mentioned members.
    pub mentions: Vec<i64>,
    /// Whether all members are mentioned.
    pub mention_all: bool,
    /// Custom JSON object of the application.
    #[schema(required, value_type = Option<Object>)]
    pub custom: Option<Value>,
    /// The sender's key, if it was sent with one.
    #[schema(required)]
    pub client_msg_id: Option<String>,
    /// When the text was last edited.
    #[schema(required)]
    pub edited_at: Option<Time>,
    /// When the message was deleted for everyone.
    #[schema(required)]
    pub deleted_at: Option<Time>,
    /// When the message was pinned, if it is pinned.
    #[schema(required)]
    pub pinned_at: Option<Time>,
    /// Id of the user who pinned it.
    #[schema(required)]
    pub pinned_by: Option<i64>,
    /// `growing`, `finished` or `abandoned`; null for messages sent in one piece.
    #[schema(required)]
    pub streaming: Option<Cow<'static, str>>,
}

/// A page of messages, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// The messages of the page.
    pub messages: Vec<Message>,
    /// Number of messages in this page.
    #[schema(example = 1)]
    pub count: usize,
}

/// A new text for a message.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EditRequest {
    /// Text, at most 16 KiB.
    #[schema(example = "Hello, dear Jerry!")]
    pub content: String,
}

/// An earlier text of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// The text.
    pub content: String,
    /// When the message got this text.
    pub since: Time,
}

/// A member's reaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reactor {
    /// Id of the user.
    #[schema(example = 2)]
    pub user_id: i64,
    /// The emoji.
    #[schema(example = "👍")]
    pub emoji: String,
    /// When the user reacted.
    pub at: Time,
}

/// Destination of a forwarded message: exactly one of the three ids.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct ForwardRequest {
    /// Id of the recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_user: Option<i64>,
    /// Id of the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_group: Option<i64>,
    /// Id of the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<i64>,
    /// The sender's key for the new message.
    #[schema(max_length = 128)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_msg_id: Option<String>,
}

/// A chunk to append to a streaming message.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AppendRequest {
    /// Length of the text before this chunk, in characters (Unicode code points).
    #[schema(example = 0)]
    pub offset: u32,
    /// The text to add.
    #[schema(example = "Once upon a time ")]
    pub content: String,
}

/// The answer to an append.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Appended {
    /// Id of the message.
    pub message_id: i64,
    /// The message's `rev` with this chunk.
    pub rev: i64,
    /// Length of the text with this chunk, in characters.
    pub length: u32,
}

/// The end of a streaming message.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct FinishRequest {
    /// Final text, if it should replace the streamed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Whether the message stays incomplete.
    #[serde(default)]
    pub abandoned: bool,
}

/// A thread as the caller sees it; its replies are read from the conversation with `thread_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Thread {
    /// The root message.
    pub root: Message,
    /// `seq` of the last reply that the caller has read.
    pub read_seq: i64,
    /// Number of later replies by others.
    pub unread: u32,
}
