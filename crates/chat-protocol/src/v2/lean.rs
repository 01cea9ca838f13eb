//! The frames that a client with `lean=1` gets in another form. All others have one form only.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Ack, ConversationFrame, MessageFrame, ServerFrame};
use crate::lean::{LeanConversation, LeanMessage};

const CREATED: &str = "created";

/// A frame for a client that asked for lean ones, distinguished by its `type`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LeanFrame {
    /// A message was created or changed.
    Message(LeanMessageFrame),
    /// A conversation was created or changed.
    Conversation(LeanConversationFrame),
    /// The op was executed.
    Ack(LeanAck),
    /// A frame that has one form only.
    #[serde(untagged)]
    Other(ServerFrame),
}

/// A message was created or changed. Members that have their default values are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LeanMessageFrame {
    /// `created`, `edited`, `deleted`, `reaction`, `pinned`, `thread`, `appended` (only when resuming) or `finished`.
    #[serde(default = "created", skip_serializing_if = "is_created")]
    #[schema(default = "created")]
    pub event: Cow<'static, str>,
    /// Id of the message's conversation.
    pub conversation_id: i64,
    /// The object in its present state.
    pub message: Box<LeanMessage>,
    /// Cursor of this change.
    pub cursor: String,
}

/// A conversation was created or changed. Members that have their default values are left out of its last message.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LeanConversationFrame {
    /// The object in its present state.
    pub conversation: LeanConversation,
    /// Cursor of this change.
    pub cursor: String,
}

/// The op was executed; its changes are on disk. Members that have their default values are left out of its message.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LeanAck {
    /// The answer without its message.
    #[serde(flatten)]
    pub ack: Ack,
    /// The message in its present state, if the op has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<Box<LeanMessage>>,
}

impl LeanFrame {
    /// Leaves out what has its default value, for this user.
    pub fn new(frame: ServerFrame, viewer: i64) -> Self {
        match frame {
            ServerFrame::Message(frame) => Self::Message(LeanMessageFrame::new(frame, viewer)),
            ServerFrame::Conversation(ConversationFrame { conversation, cursor }) => {
                let conversation = LeanConversation::new(conversation, viewer);
                Self::Conversation(LeanConversationFrame { conversation, cursor })
            }
            ServerFrame::Ack(mut ack) => {
                let message = ack.message.take();
                let message = message.map(|message| Box::new(LeanMessage::new(*message, viewer)));
                Self::Ack(LeanAck { ack, message })
            }
            other => Self::Other(other),
        }
    }
}

impl LeanMessageFrame {
    fn new(frame: MessageFrame, viewer: i64) -> Self {
        Self {
            message: Box::new(LeanMessage::new(*frame.message, viewer).without_conversation()),
            event: frame.event,
            conversation_id: frame.conversation_id,
            cursor: frame.cursor,
        }
    }
}

impl From<LeanMessageFrame> for MessageFrame {
    fn from(frame: LeanMessageFrame) -> Self {
        Self {
            message: Box::new(frame.message.complete(frame.conversation_id)),
            event: frame.event,
            conversation_id: frame.conversation_id,
            cursor: frame.cursor,
        }
    }
}

fn created() -> Cow<'static, str> {
    CREATED.into()
}

fn is_created(event: &str) -> bool {
    event == CREATED
}
