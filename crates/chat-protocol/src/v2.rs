//! The frames of the v2 stream (docs/contract.md, "The v2 stream", and docs/stream.md); the AsyncAPI document is made from these types.

mod op;

use std::borrow::Cow;

pub use op::{FEATURES, Op, OpName, OpVisitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::conversation::{Conversation, Presence};
use crate::message::{AppendRequest, EditRequest, FinishRequest, ForwardRequest, Message, SendRequest};
use crate::time::Time;

/// A client's name for a frame of its own, repeated in the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "`id` must be an integer or a string")]
pub enum Id {
    /// An integer.
    Number(i64),
    /// A string of at most 64 characters.
    Text(String),
}

/// What every frame of a client has.
#[derive(Debug, Clone, Deserialize)]
pub struct Head<'a> {
    /// What is to be done.
    #[serde(borrow)]
    pub op: Cow<'a, str>,
    /// The client's name for this frame.
    pub id: Option<Id>,
}

/// `auth`: who the client is, where nothing before the first frame said so.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Auth {
    /// A JWT.
    pub token: String,
    /// Where to resume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl Auth {
    /// What its frame has for `op`. It is none of the ops: nothing is asked by it, and nothing answers it under an `id`.
    pub const OP: &'static str = "auth";
}

/// `send`: a message, to exactly one of `to_user`, `to_group` and `conversation_id`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Send {
    /// To a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_user: Option<i64>,
    /// To a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_group: Option<i64>,
    /// Into a conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<i64>,
    /// What it says.
    #[serde(flatten)]
    pub body: SendRequest,
}

/// `forward`: a message once more, elsewhere.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Forward {
    /// Which message.
    pub message_id: i64,
    /// To whom.
    #[serde(flatten)]
    pub to: ForwardRequest,
}

/// `edit`: a new text for a message.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Edit {
    /// Which message.
    pub message_id: i64,
    /// The text.
    #[serde(flatten)]
    pub edit: EditRequest,
}

/// `delete`: a message, for everyone or for oneself.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Delete {
    /// Which message.
    pub message_id: i64,
    /// `everyone` (the default) or `me`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// `react` and `unreact`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct React {
    /// Which message.
    pub message_id: i64,
    /// With what.
    pub emoji: String,
}

/// `pin`, `unpin`, `save` and `unsave`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OfMessage {
    /// Which message.
    pub message_id: i64,
}

/// `append`: a piece for a message that is being written.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Append {
    /// Which message.
    pub message_id: i64,
    /// The piece.
    #[serde(flatten)]
    pub piece: AppendRequest,
}

/// `finish`: the end of a message that was being written.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Finish {
    /// Which message.
    pub message_id: i64,
    /// How it ends.
    #[serde(flatten)]
    pub ending: FinishRequest,
}

/// `delivered` and `read`: how far the client, or its user, has come.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Pointer {
    /// In which conversation.
    pub conversation_id: i64,
    /// The last message.
    pub seq: i64,
    /// Of `read`: the thread's root, where it is a thread that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<i64>,
}

/// `typing`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TypingIn {
    /// In which conversation.
    pub conversation_id: i64,
}

/// `presence`: how the user of this client wants to be seen.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SetPresence {
    /// `online`, `away` or `invisible`.
    pub status: String,
}

/// `view`: the conversations that are on the screen, in place of the former ones.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct View {
    /// At most 20.
    #[schema(max_items = 20)]
    pub conversation_ids: Vec<i64>,
}

/// `ping` has no fields of its own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Ping {}

/// A frame from the server, told apart by its `type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// The first one.
    Hello(Hello),
    /// A message that is new or changed.
    Message(MessageFrame),
    /// A message that is being written grew.
    Append(AppendFrame),
    /// A conversation that is new or changed.
    Conversation(ConversationFrame),
    /// A member's pointers moved.
    Receipt(Receipt),
    /// A message that the user deleted for themselves.
    Hidden(Hidden),
    /// A message that the user saved, or no longer wants saved.
    Saved(Saved),
    /// Somebody is typing.
    Typing(Typing),
    /// Somebody's presence.
    Presence(Presence),
    /// Everything missed has been sent.
    Live(At),
    /// The client's cursor can't be served: load anew through REST.
    Resync(At),
    /// What the client asked for is done.
    Ack(Ack),
    /// What the client asked for is refused, or failed.
    Error(Refusal),
    /// The answer to `ping`.
    Pong(Pong),
}

/// The first frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hello {
    /// Whose stream it is.
    pub user_id: i64,
    /// Names this connection in the server's log.
    pub session_id: String,
    /// From where the stream goes on.
    pub cursor: String,
    /// How long the server lets a silent connection be before it asks for a sign of life.
    pub heartbeat_ms: u64,
    /// Whether what was missed since the client's cursor follows.
    pub resumed: bool,
    /// What this server can do.
    pub features: Vec<Cow<'static, str>>,
    /// Which release it is.
    pub server_version: Cow<'static, str>,
}

/// A message that is new or changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageFrame {
    /// `created`, `edited`, `deleted`, `reaction`, `pinned`, `thread`, `appended` (only when resuming) or `finished`.
    pub event: Cow<'static, str>,
    /// The conversation it is in.
    pub conversation_id: i64,
    /// As it is now.
    pub message: Box<Message>,
    /// The place in the log.
    pub cursor: String,
}

/// A piece of a message that is being written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppendFrame {
    /// The conversation it is in.
    pub conversation_id: i64,
    /// Which message.
    pub message_id: i64,
    /// Its place in the conversation.
    pub seq: i64,
    /// Its `rev` with this piece.
    pub rev: i64,
    /// The length of the text before this piece, in characters.
    pub offset: u32,
    /// The piece.
    pub content: String,
    /// The place in the log.
    pub cursor: String,
}

/// A conversation that is new or changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConversationFrame {
    /// As it is now.
    pub conversation: Box<Conversation>,
    /// The place in the log.
    pub cursor: String,
}

/// A member's pointers moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// In which conversation.
    pub conversation_id: i64,
    /// Whose.
    pub user_id: i64,
    /// The last message that a client of the member has confirmed.
    pub delivered_seq: i64,
    /// The last message that the member has read.
    pub read_seq: i64,
    /// To the member's own clients: what waits now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub unread: Option<u32>,
    /// To the member's own clients: what mentions the member of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mentions: Option<u32>,
    /// The place in the log.
    pub cursor: String,
}

/// A message that the user deleted for themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hidden {
    /// The conversation it is in.
    pub conversation_id: i64,
    /// Which message.
    pub message_id: i64,
    /// The place in the log.
    pub cursor: String,
}

/// A message that the user saved, or no longer wants saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Saved {
    /// Which message.
    pub message_id: i64,
    /// Whether it is saved.
    pub saved: bool,
    /// The place in the log.
    pub cursor: String,
}

/// Somebody is typing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Typing {
    /// In which conversation.
    pub conversation_id: i64,
    /// Who.
    pub user_id: i64,
    /// After how long it is no longer so, unless told again.
    pub expires_in_ms: u32,
}

/// A place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct At {
    /// The place.
    pub cursor: String,
}

/// What the client asked for is done, and on disk where it changed something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ack {
    /// The client's name for its frame.
    #[schema(required)]
    pub id: Option<Id>,
    /// The message as it is now, where the op has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<Box<Message>>,
    /// Of `send` and `forward`: whether it is the result of an earlier frame with the same key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub duplicate: Option<bool>,
    /// Of `append`: which message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message_id: Option<i64>,
    /// Of `append`: the message's `rev` now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rev: Option<i64>,
    /// Of `append`: the length of the text now, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub length: Option<u32>,
}

/// What the client asked for is refused, or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    /// The client's name for its frame; null where it had none that could be read.
    #[schema(required)]
    pub id: Option<Id>,
    /// Stable and meant for programs, the same codes as over HTTP.
    pub code: String,
    /// A sentence.
    pub error: String,
    /// Whether the same frame may well succeed later.
    pub temporary: bool,
    /// When to try again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub retry_after_ms: Option<u64>,
    /// Of `rate_limited`: the limit's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub policy: Option<String>,
}

/// The answer to `ping`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pong {
    /// The client's name for its frame.
    #[schema(required)]
    pub id: Option<Id>,
    /// The server's time.
    pub server_time: Time,
}
