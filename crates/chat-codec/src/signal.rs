//! The encoding of signals between nodes. They are not stored, so two releases meet only while a cluster is upgraded.

use chat_core::event::Signal;
use chat_core::ids::{ConversationId, GroupId, UserId};
use chat_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Malformed;

/// Encodes a signal.
pub fn encode(signal: &Signal) -> Vec<u8> {
    // Numbers can always be written to memory. The fallback, an empty text, could not be decoded.
    serde_json::to_vec(&Written::from(signal)).unwrap_or_default()
}

/// Decodes a signal; `None` if only a later release knows it.
///
/// # Errors
/// [`Malformed`] if a known signal lacks a required field.
pub fn decode(bytes: &[u8]) -> Result<Option<Signal>, Malformed> {
    Ok(serde_json::from_slice::<Written>(bytes)?.signal())
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Written {
    TypingToUser {
        from: i64,
        to: i64,
        #[serde(rename = "in", default, skip_serializing_if = "Option::is_none")]
        conversation: Option<i64>,
        at: i64,
    },
    TypingToGroup {
        from: i64,
        group: i64,
        #[serde(rename = "in")]
        conversation: i64,
        at: i64,
    },
    #[serde(other, skip_serializing)]
    Unknown,
}

impl From<&Signal> for Written {
    fn from(signal: &Signal) -> Self {
        match *signal {
            Signal::TypingToUser { from, to, conversation, at } => Self::TypingToUser {
                from: from.0,
                to: to.0,
                conversation: conversation.map(|conversation| conversation.0),
                at: at.0,
            },
            Signal::TypingToGroup { from, group, conversation, at } => {
                Self::TypingToGroup { from: from.0, group: group.0, conversation: conversation.0, at: at.0 }
            }
        }
    }
}

impl Written {
    fn signal(self) -> Option<Signal> {
        match self {
            Self::TypingToUser { from, to, conversation, at } => Some(Signal::TypingToUser {
                from: UserId(from),
                to: UserId(to),
                conversation: conversation.map(ConversationId),
                at: Timestamp(at),
            }),
            Self::TypingToGroup { from, group, conversation, at } => Some(Signal::TypingToGroup {
                from: UserId(from),
                group: GroupId(group),
                conversation: ConversationId(conversation),
                at: Timestamp(at),
            }),
            Self::Unknown => None,
        }
    }
}
