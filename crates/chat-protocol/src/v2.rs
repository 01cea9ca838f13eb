//! The frames of the v2 stream (docs/contract.md, "The v2 stream", and docs/stream.md). The AsyncAPI document is
//! generated from these types.

mod lean;
mod op;

use std::borrow::Cow;

pub use lean::{LeanAck, LeanConversationFrame, LeanFrame, LeanMessageFrame};
pub use op::{FEATURES, Op, OpName, OpVisitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::conversation::{Conversation, Presence};
use crate::message::{AppendRequest, EditRequest, FinishRequest, ForwardRequest, Message, SendRequest};
use crate::time::Time;

/// A client's id for one of its frames, repeated in the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "`id` must be an integer or a string")]
pub enum Id {
    /// An integer.
    Number(i64),
    /// A string of at most 64 characters.
    Text(String),
}

/// Fields that every frame of a client has.
#[derive(Debug, Clone, Deserialize)]
pub struct Head<'a> {
    /// Name of the op.
    #[serde(borrow)]
    pub op: Cow<'a, str>,
    /// The client's id for this frame.
    pub id: Option<Id>,
}

/// `auth`: authenticates a client that did not authenticate with the upgrade.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Auth {
    /// A JWT.
    pub token: String,
    /// Cursor to resume from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The client reloads if it missed more messages than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_changes: Option<u64>,
    /// Whether the client asks for lean frames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lean: Option<bool>,
}

impl Auth {
    /// Value of `op` in this frame. It is not one of the ops: it requests nothing, and is not answered by its `id`.
    pub const OP: &'static str = "auth";
}

/// `send`: a message, to exactly one of `to_user`, `to_group` and `conversation_id`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Send {
    /// Id of the recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_user: Option<i64>,
    /// Id of the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_group: Option<i64>,
    /// Id of the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<i64>,
    /// The message.
    #[serde(flatten)]
    pub body: SendRequest,
}

/// `forward`: sends a message to another conversation.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Forward {
    /// Id of the message.
    pub message_id: i64,
    /// The destination.
    #[serde(flatten)]
    pub to: ForwardRequest,
}

/// `edit`: a new text for a message.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Edit {
    /// Id of the message.
    pub message_id: i64,
    /// The text.
    #[serde(flatten)]
    pub edit: EditRequest,
}

/// `delete`: deletes a message for everyone, or only for the user.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Delete {
    /// Id of the message.
    pub message_id: i64,
    /// `everyone` (the default) or `me`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// `react` and `unreact`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct React {
    /// Id of the message.
    pub message_id: i64,
    /// The emoji.
    pub emoji: String,
}

/// `pin`, `unpin`, `save` and `unsave`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OfMessage {
    /// Id of the message.
    pub message_id: i64,
}

/// `append`: appends to a streaming message.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Append {
    /// Id of the message.
    pub message_id: i64,
    /// The chunk.
    #[serde(flatten)]
    pub chunk: AppendRequest,
}

/// `finish`: ends a streaming message.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Finish {
    /// Id of the message.
    pub message_id: i64,
    /// The final text and state.
    #[serde(flatten)]
    pub finish: FinishRequest,
}

/// `delivered` and `read`: moves the client's or the user's pointer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Pointer {
    /// Id of the conversation.
    pub conversation_id: i64,
    /// `seq` of the last message delivered or read.
    pub seq: i64,
    /// For `read`: id of the thread's root, if a thread was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<i64>,
}

/// `typing`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TypingIn {
    /// Id of the conversation.
    pub conversation_id: i64,
}

/// `presence`: sets the presence that others see.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SetPresence {
    /// `online`, `away` or `invisible`.
    pub status: String,
}

/// `view`: sets the conversations on the screen, replacing the former ones.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct View {
    /// At most 20.
    #[schema(max_items = 20)]
    pub conversation_ids: Vec<i64>,
}

/// `ping` has no fields of its own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Ping {}

/// A frame from the server, distinguished by its `type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// The first one.
    Hello(Hello),
    /// A message was created or changed.
    Message(MessageFrame),
    /// A streaming message grew.
    Append(AppendFrame),
    /// A conversation was created or changed.
    Conversation(ConversationFrame),
    /// A member's pointers moved.
    Receipt(Receipt),
    /// Pointers of members of a group moved; only to clients that asked for lean frames.
    Receipts(Receipts),
    /// The user deleted a message only for themselves.
    Hidden(Hidden),
    /// The user saved a message, or removed it from the saved ones.
    Saved(Saved),
    /// A user is typing.
    Typing(Typing),
    /// A user's presence.
    Presence(Presence),
    /// Everything missed has been sent.
    Live(At),
    /// The client does not get what changed since its cursor: reload over REST.
    Resync(Resync),
    /// The op was executed.
    Ack(Ack),
    /// The op was refused, or failed.
    Error(Refusal),
    /// The answer to `ping`.
    Pong(Pong),
}

/// The first frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hello {
    /// Id of the stream's user.
    pub user_id: i64,
    /// Identifies this connection in the server's log.
    pub session_id: String,
    /// Cursor from which the stream continues.
    pub cursor: String,
    /// Silence after which the server sends a ping, in milliseconds.
    pub heartbeat_ms: u64,
    /// Whether everything missed since the client's cursor follows.
    pub resumed: bool,
    /// Features of this server.
    pub features: Vec<Cow<'static, str>>,
    /// Version of the server.
    pub server_version: Cow<'static, str>,
}

/// A message was created or changed.
// Read from its lean form, of which the complete form is a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(from = "LeanMessageFrame")]
pub struct MessageFrame {
    /// `created`, `edited`, `deleted`, `reaction`, `pinned`, `thread`, `appended` (only when resuming) or `finished`.
    pub event: Cow<'static, str>,
    /// Id of the message's conversation.
    pub conversation_id: i64,
    /// The object in its present state.
    pub message: Box<Message>,
    /// Cursor of this change.
    pub cursor: String,
}

/// A new chunk of a streaming message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppendFrame {
    /// Id of the message's conversation.
    pub conversation_id: i64,
    /// Id of the message.
    pub message_id: i64,
    /// Number of the message in its conversation.
    pub seq: i64,
    /// The message's `rev` with this chunk.
    pub rev: i64,
    /// Length of the text before this chunk, in characters.
    pub offset: u32,
    /// The chunk.
    pub content: String,
    /// Cursor of this change.
    pub cursor: String,
}

/// A conversation was created or changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConversationFrame {
    /// The object in its present state.
    pub conversation: Box<Conversation>,
    /// Cursor of this change.
    pub cursor: String,
}

/// A member's pointers moved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// Id of the conversation.
    pub conversation_id: i64,
    /// Id of the user.
    pub user_id: i64,
    /// `seq` of the last message that a client of the member has confirmed.
    pub delivered_seq: i64,
    /// `seq` of the last message that the member has read.
    pub read_seq: i64,
    /// Only to the member's own clients: number of unread messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub unread: Option<u32>,
    /// Only to the member's own clients: number of those that mention the member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mentions: Option<u32>,
    /// With the counts: `seq` of the last message that they contain. Left out if a node of an earlier release counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_seq: Option<i64>,
    /// With the counts: the conversation's `rev` in which they hold. Left out if a node of an earlier release counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rev: Option<i64>,
    /// Cursor of this change.
    pub cursor: String,
}

/// Pointers of members of a group moved. Only clients that asked for lean frames get this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipts {
    /// Id of the conversation.
    pub conversation_id: i64,
    /// The members' pointers, each member once.
    pub receipts: Vec<MovedPointers>,
    /// Cursor of these changes. Left out of receipts that have waited for others: a client that resumes from an earlier
    /// cursor gets them again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cursor: Option<String>,
}

impl Receipts {
    /// Returns the receipts one by one. The cursor of each is that of all, or empty if there is none.
    pub fn each(&self) -> impl Iterator<Item = Receipt> {
        self.receipts.iter().map(|moved| Receipt {
            conversation_id: self.conversation_id,
            user_id: moved.user_id,
            delivered_seq: moved.delivered_seq,
            read_seq: moved.read_seq,
            unread: moved.unread,
            mentions: moved.mentions,
            last_seq: moved.last_seq,
            rev: moved.rev,
            cursor: self.cursor.clone().unwrap_or_default(),
        })
    }
}

/// A member's pointers after they moved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MovedPointers {
    /// Id of the user.
    pub user_id: i64,
    /// `seq` of the last message that a client of the member has confirmed.
    pub delivered_seq: i64,
    /// `seq` of the last message that the member has read.
    pub read_seq: i64,
    /// Only to the member's own clients: number of unread messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub unread: Option<u32>,
    /// Only to the member's own clients: number of those that mention the member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mentions: Option<u32>,
    /// With the counts: `seq` of the last message that they contain. Left out if a node of an earlier release counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_seq: Option<i64>,
    /// With the counts: the conversation's `rev` in which they hold. Left out if a node of an earlier release counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rev: Option<i64>,
}

/// The user deleted a message only for themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hidden {
    /// Id of the message's conversation.
    pub conversation_id: i64,
    /// Id of the message.
    pub message_id: i64,
    /// Number of unread messages without this one. Left out, as are the following, if a node of an earlier release hid it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub unread: Option<u32>,
    /// Number of those that mention the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mentions: Option<u32>,
    /// `seq` of the last message that the user has read: the counts begin after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub read_seq: Option<i64>,
    /// `seq` of the last message that the counts contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_seq: Option<i64>,
    /// The conversation's `rev` in which the counts hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rev: Option<i64>,
    /// Cursor of this change.
    pub cursor: String,
}

/// The user saved a message, or removed it from the saved ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Saved {
    /// Id of the message.
    pub message_id: i64,
    /// Whether the message is saved now.
    pub saved: bool,
    /// Cursor of this change.
    pub cursor: String,
}

/// A user is typing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Typing {
    /// Id of the conversation.
    pub conversation_id: i64,
    /// Id of the user.
    pub user_id: i64,
    /// Milliseconds after which the signal expires, unless it is repeated.
    pub expires_in_ms: u32,
}

/// The client has to reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resync {
    /// The cursor from which the stream continues.
    pub cursor: String,
    /// `unknown_cursor`, or `too_many_changes` if the client missed more than it or the server allows. Earlier releases
    /// send none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'static, str>>,
}

/// A cursor alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct At {
    /// The cursor.
    pub cursor: String,
}

/// The op was executed; its changes are on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ack {
    /// The client's id for its frame.
    #[schema(required)]
    pub id: Option<Id>,
    /// The message in its present state, if the op has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<Box<Message>>,
    /// For `send` and `forward`: whether this repeats the result of an earlier frame with the same key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub duplicate: Option<bool>,
    /// For `append`: id of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message_id: Option<i64>,
    /// For `append`: the message's `rev` with this chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rev: Option<i64>,
    /// For `append`: length of the text with this chunk, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub length: Option<u32>,
}

/// The op was refused, or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    /// The client's id for its frame; null if it could not be read.
    #[schema(required)]
    pub id: Option<Id>,
    /// Stable name for programs, as over HTTP.
    pub code: String,
    /// A sentence for people.
    pub error: String,
    /// Whether the same frame may succeed later.
    pub temporary: bool,
    /// Milliseconds to wait before a retry, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub retry_after_ms: Option<u64>,
    /// For `rate_limited`: name of the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub policy: Option<String>,
}

/// The answer to `ping`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pong {
    /// The client's id for its frame.
    #[schema(required)]
    pub id: Option<Id>,
    /// The server's time.
    pub server_time: Time,
}
