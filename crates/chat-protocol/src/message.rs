//! Messages on the wire: one shape over REST and in the v2 stream (docs/contract.md, "v2 message").

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::time::Time;

/// Something attached to a message; only `url` must be there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Media {
    /// Where it is.
    #[schema(max_length = 2048)]
    pub url: String,
    /// `image`, `video`, `audio` or `file`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub kind: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// Its size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub size: Option<u64>,
    /// Its width in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub width: Option<u32>,
    /// Its height in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub height: Option<u32>,
}

/// A message to be sent: `content`, `media_url` or `media`, or several of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct SendRequest {
    /// Text, at most 16 KiB.
    #[schema(example = "Hello, Jerry!")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Where the media is, if there is one: `https://`, `http://`, or a path that begins with one `/`.
    #[schema(max_length = 2048)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_url: Option<String>,
    /// What is attached, in place of `media_url`; at most 10.
    #[schema(max_items = 10)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<Vec<Media>>,
    /// `text`, `image`, `video`, `audio` or `file`; where absent, that of the first media, else `text`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<i64>,
    /// The root of the thread that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<i64>,
    /// The members it calls upon, by id; at most 100.
    #[schema(max_items = 100)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Vec<i64>>,
    /// Whether it calls upon all members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mention_all: Option<bool>,
    /// An object of the application's own, at most 4 KiB.
    #[schema(value_type = Option<Object>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<Value>,
    /// Whether it grows while it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streaming: Option<bool>,
    /// The sender's key for this message: a retry under the same key gets the first result, and another message is refused (`key_reused`).
    #[schema(max_length = 128)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_msg_id: Option<String>,
}

/// A message that is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sent {
    /// What was done, in words.
    pub message: String,
    /// The message's number.
    #[schema(example = 7)]
    pub id: i64,
    /// Its place in the conversation: 1, 2, 3 … without gaps.
    #[schema(example = 1)]
    pub seq: i64,
    /// The conversation's count of changes at this message.
    #[schema(example = 1)]
    pub rev: i64,
    /// When the server accepted it.
    pub timestamp: Time,
    /// The conversation it is in.
    #[schema(example = 1)]
    pub conversation_id: i64,
    /// As in the message object.
    #[serde(rename = "type")]
    #[schema(example = "text")]
    pub kind: Cow<'static, str>,
    /// As in the message object.
    #[schema(example = "PENDING")]
    pub status: Cow<'static, str>,
    /// The key it was sent under, if any.
    #[schema(required)]
    pub client_msg_id: Option<String>,
    /// Whether this is the first result of an earlier request with the same key.
    pub duplicate: bool,
}

/// An emoji under a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reaction {
    /// The emoji.
    #[schema(example = "👍")]
    pub emoji: String,
    /// How many used it.
    #[schema(example = 2)]
    pub count: u32,
    /// Whether the caller is one of them.
    pub me: bool,
}

/// The message that another one answers, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quote {
    /// Which message.
    pub message_id: i64,
    /// Who wrote it.
    pub sender_id: i64,
    /// At most 200 characters of its text; empty once it is deleted.
    pub content: String,
    /// Whether it is deleted.
    pub deleted: bool,
}

/// What a thread's root tells of its replies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThreadSummary {
    /// How many there are.
    #[schema(example = 2)]
    pub replies: u32,
    /// When the last one was sent.
    pub last_reply_at: Time,
}

/// Where a forwarded message comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Forwarded {
    /// The message that was forwarded.
    pub message_id: i64,
    /// Who wrote it.
    pub sender_id: i64,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// The message's number, unique on the server.
    #[schema(example = 7)]
    pub id: i64,
    /// Who wrote it.
    #[schema(example = 1)]
    pub sender_id: i64,
    /// To which user; 0 in a group message.
    #[schema(example = 2)]
    pub recipient_id: i64,
    /// To which group; 0 in a P2P message.
    #[schema(example = 0)]
    pub group_id: i64,
    /// `text`, `image`, `video`, `audio` or `file`.
    #[serde(rename = "type")]
    #[schema(example = "text")]
    pub kind: Cow<'static, str>,
    /// Text; empty once it is deleted.
    pub content: String,
    /// Where the first media is; empty where none.
    pub media_url: String,
    /// When the server accepted it.
    pub timestamp: Time,
    /// P2P: `PENDING`, `DELIVERED` or `READ`; group: `SENT`.
    #[schema(example = "DELIVERED")]
    pub status: Cow<'static, str>,
    /// The conversation it is in.
    #[schema(example = 1)]
    pub conversation_id: i64,
    /// Its place in the conversation: 1, 2, 3 … without gaps.
    #[schema(example = 1)]
    pub seq: i64,
    /// The conversation's count of changes when this message last changed.
    #[schema(example = 1)]
    pub rev: i64,
    /// What is attached.
    pub media: Vec<Media>,
    /// The message it answers.
    #[schema(required)]
    pub reply_to: Option<i64>,
    /// That message in brief.
    #[schema(required)]
    pub quote: Option<Quote>,
    /// The root of the thread it is in.
    #[schema(required)]
    pub thread_id: Option<i64>,
    /// What is below it, where it is a thread's root.
    #[schema(required)]
    pub thread: Option<ThreadSummary>,
    /// Where it comes from, where it was forwarded.
    #[schema(required)]
    pub forwarded_from: Option<Forwarded>,
    /// Reactions, the first used emoji first.
    pub reactions: Vec<Reaction>,
    /// The members it calls upon.
    pub mentions: Vec<i64>,
    /// Whether it calls upon all members.
    pub mention_all: bool,
    /// An object of the application's own.
    #[schema(required, value_type = Option<Object>)]
    pub custom: Option<Value>,
    /// The key it was sent under, if any.
    #[schema(required)]
    pub client_msg_id: Option<String>,
    /// When its text was last changed.
    #[schema(required)]
    pub edited_at: Option<Time>,
    /// When it was deleted for everyone.
    #[schema(required)]
    pub deleted_at: Option<Time>,
    /// When it was pinned, where it is.
    #[schema(required)]
    pub pinned_at: Option<Time>,
    /// Who pinned it.
    #[schema(required)]
    pub pinned_by: Option<i64>,
    /// `growing`, `finished` or `abandoned`; null for messages that were whole from the start.
    #[schema(required)]
    pub streaming: Option<Cow<'static, str>>,
}

/// A page of messages, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// The messages.
    pub messages: Vec<Message>,
    /// How many there are in this page.
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

/// A text that a message had before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// The text.
    pub content: String,
    /// Since when it had that.
    pub since: Time,
}

/// A member's reaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reactor {
    /// Who.
    #[schema(example = 2)]
    pub user_id: i64,
    /// With what.
    #[schema(example = "👍")]
    pub emoji: String,
    /// When.
    pub at: Time,
}

/// Where a message is to be sent once more: exactly one of the three.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct ForwardRequest {
    /// To a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_user: Option<i64>,
    /// To a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_group: Option<i64>,
    /// Into a conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<i64>,
    /// The sender's key for the new message.
    #[schema(max_length = 128)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_msg_id: Option<String>,
}

/// A piece for a message that is being written.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AppendRequest {
    /// The length that the text has so far, in characters (Unicode code points).
    #[schema(example = 0)]
    pub offset: u32,
    /// The text to add.
    #[schema(example = "Once upon a time ")]
    pub content: String,
}

/// A piece that was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Appended {
    /// To which message.
    pub message_id: i64,
    /// The message's `rev` now.
    pub rev: i64,
    /// The length of the text now, in characters.
    pub length: u32,
}

/// The end of a message that was being written.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct FinishRequest {
    /// The whole text once more, if it is to be replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Whether it stays unfinished.
    #[serde(default)]
    pub abandoned: bool,
}

/// A thread as the caller sees it; its replies are read from the conversation with `thread_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Thread {
    /// Its root.
    pub root: Message,
    /// The last reply that the caller has read.
    pub read_seq: i64,
    /// Replies of others after that.
    pub unread: u32,
}
