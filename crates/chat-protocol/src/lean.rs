//! Messages without the members that have their default values, for clients that ask for them (`lean=1`), and how such
//! a message becomes complete again. The only place that knows the defaults.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::ObjectBuilder;
use utoipa::openapi::schema::{Object, SchemaType, Type};

use crate::conversation::{Conversation, Conversations};
use crate::message::{Forwarded, History, Media, Message, Quote, Reaction, ThreadSummary};
use crate::time::Time;

const TEXT: &str = "text";
const SENT: &str = "SENT";
const PENDING: &str = "PENDING";

/// A message without the members that have their default values. `client_msg_id` is only in those of the caller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LeanMessage {
    /// Id of the message, unique on the server.
    #[schema(example = 7)]
    pub id: i64,
    /// Id of the author.
    #[schema(example = 1)]
    pub sender_id: i64,
    /// Id of the recipient; 0 in a group message.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schema(default = 0)]
    pub recipient_id: i64,
    /// Id of the group; 0 in a direct message.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schema(default = 0)]
    pub group_id: i64,
    /// `text`, `image`, `video`, `audio` or `file`.
    #[serde(rename = "type", default = "text", skip_serializing_if = "is_text")]
    #[schema(default = "text")]
    pub kind: Cow<'static, str>,
    /// Text; empty if the message was deleted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(default = "")]
    pub content: String,
    /// URL of the first attachment; empty without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(default = "")]
    pub media_url: String,
    /// When the server accepted the message.
    pub timestamp: Time,
    /// `PENDING`, `DELIVERED` or `READ` for a direct message, `SENT` for a group message. Default: `PENDING` without
    /// `group_id`, `SENT` with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub status: Option<Cow<'static, str>>,
    /// Id of the message's conversation. In a `message` frame it is left out, because the frame has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub conversation_id: Option<i64>,
    /// Number of the message in its conversation: 1, 2, 3 … without gaps.
    #[schema(example = 1)]
    pub seq: i64,
    /// The conversation's `rev` at the last change of this message.
    #[schema(example = 1)]
    pub rev: i64,
    /// Attachments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(default = json!([]))]
    pub media: Vec<Media>,
    /// Id of the message that this one replies to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(default = json!(null))]
    pub reply_to: Option<i64>,
    /// Summary of that message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(default = json!(null))]
    pub quote: Option<Quote>,
    /// Id of the root of the thread that contains this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(default = json!(null))]
    pub thread_id: Option<i64>,
    /// Summary of the replies, if this message is a thread's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(default = json!(null))]
    pub thread: Option<ThreadSummary>,
    /// Origin, if this message was forwarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(default = json!(null))]
    pub forwarded_from: Option<Forwarded>,
    /// Reactions, in order of first use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(default = json!([]))]
    pub reactions: Vec<Reaction>,
    /// Ids of mentioned members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(default = json!([]))]
    pub mentions: Vec<i64>,
    /// Whether all members are mentioned.
    #[serde(default, skip_serializing_if = "is_false")]
    #[schema(default = false)]
    pub mention_all: bool,
    /// Custom JSON object of the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = custom_schema)]
    pub custom: Option<Value>,
    /// The sender's key, if it was sent with one; only to the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(default = json!(null))]
    pub client_msg_id: Option<String>,
    /// When the text was last edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(default = json!(null))]
    pub edited_at: Option<Time>,
    /// When the message was deleted for everyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(default = json!(null))]
    pub deleted_at: Option<Time>,
    /// When the message was pinned, if it is pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(default = json!(null))]
    pub pinned_at: Option<Time>,
    /// Id of the user who pinned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(default = json!(null))]
    pub pinned_by: Option<i64>,
    /// `growing`, `finished` or `abandoned`; null for messages sent in one piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(default = json!(null))]
    pub streaming: Option<Cow<'static, str>>,
}

/// A page of messages without the members that have their default values, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LeanHistory {
    /// The messages of the page.
    pub messages: Vec<LeanMessage>,
    /// Number of messages in this page.
    #[schema(example = 1)]
    pub count: usize,
}

/// A conversation whose last message lacks the members that have their default values. Everything else is complete.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LeanConversation {
    /// The conversation without its last message.
    #[serde(flatten)]
    pub conversation: Box<Conversation>,
    /// The newest message; omitted in some frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_message: Option<Box<LeanMessage>>,
}

/// A page of conversations, the one with the newest message first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LeanConversations {
    /// The conversations of the page.
    pub conversations: Vec<LeanConversation>,
    /// Pass as `?cursor=` for the next page; null on the last one.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

impl LeanMessage {
    /// Leaves out what has its default value, for this user.
    pub fn new(message: Message, viewer: i64) -> Self {
        let default_status = default_status(message.group_id);
        Self {
            client_msg_id: message.client_msg_id.filter(|_| message.sender_id == viewer),
            status: Some(message.status).filter(|status| status != default_status),
            id: message.id,
            sender_id: message.sender_id,
            recipient_id: message.recipient_id,
            group_id: message.group_id,
            kind: message.kind,
            content: message.content,
            media_url: message.media_url,
            timestamp: message.timestamp,
            conversation_id: Some(message.conversation_id),
            seq: message.seq,
            rev: message.rev,
            media: message.media,
            reply_to: message.reply_to,
            quote: message.quote,
            thread_id: message.thread_id,
            thread: message.thread,
            forwarded_from: message.forwarded_from,
            reactions: message.reactions,
            mentions: message.mentions,
            mention_all: message.mention_all,
            custom: message.custom,
            edited_at: message.edited_at,
            deleted_at: message.deleted_at,
            pinned_at: message.pinned_at,
            pinned_by: message.pinned_by,
            streaming: message.streaming,
        }
    }

    /// Leaves out the conversation too, for a frame that has it.
    #[must_use]
    pub fn without_conversation(self) -> Self {
        Self { conversation_id: None, ..self }
    }

    /// Fills in the defaults; the conversation is this one unless the message has its own.
    pub fn complete(self, conversation_id: i64) -> Message {
        Message {
            status: self.status.unwrap_or_else(|| default_status(self.group_id).into()),
            id: self.id,
            sender_id: self.sender_id,
            recipient_id: self.recipient_id,
            group_id: self.group_id,
            kind: self.kind,
            content: self.content,
            media_url: self.media_url,
            timestamp: self.timestamp,
            conversation_id: self.conversation_id.unwrap_or(conversation_id),
            seq: self.seq,
            rev: self.rev,
            media: self.media,
            reply_to: self.reply_to,
            quote: self.quote,
            thread_id: self.thread_id,
            thread: self.thread,
            forwarded_from: self.forwarded_from,
            reactions: self.reactions,
            mentions: self.mentions,
            mention_all: self.mention_all,
            custom: self.custom,
            client_msg_id: self.client_msg_id,
            edited_at: self.edited_at,
            deleted_at: self.deleted_at,
            pinned_at: self.pinned_at,
            pinned_by: self.pinned_by,
            streaming: self.streaming,
        }
    }
}

impl From<LeanMessage> for Message {
    fn from(message: LeanMessage) -> Self {
        message.complete(0)
    }
}

impl LeanHistory {
    /// Leaves out what has its default value, for this user.
    pub fn new(history: History, viewer: i64) -> Self {
        let lean = |message| LeanMessage::new(message, viewer);
        Self { messages: history.messages.into_iter().map(lean).collect(), count: history.count }
    }
}

impl LeanConversation {
    /// Leaves out what has its default value in the last message, for this user.
    pub fn new(mut conversation: Box<Conversation>, viewer: i64) -> Self {
        let last_message = conversation.last_message.take();
        let last_message = last_message.map(|message| Box::new(LeanMessage::new(*message, viewer)));
        Self { conversation, last_message }
    }
}

impl LeanConversations {
    /// Leaves out what has its default value in the last messages, for this user.
    pub fn new(page: Conversations, viewer: i64) -> Self {
        let lean = |conversation| LeanConversation::new(Box::new(conversation), viewer);
        let conversations = page.conversations.into_iter().map(lean).collect();
        Self { conversations, next_cursor: page.next_cursor }
    }
}

/// Status of a message that nobody has confirmed.
fn default_status(group_id: i64) -> &'static str {
    if group_id == 0 { PENDING } else { SENT }
}

/// Schema of `custom`; the derived one of an object has no default.
fn custom_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .description(Some("Custom JSON object of the application."))
        .default(Some(Value::Null))
        .build()
}

fn text() -> Cow<'static, str> {
    TEXT.into()
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_text(kind: &str) -> bool {
    kind == TEXT
}

#[cfg(test)]
mod tests;
