//! The encoding of an audience.

use chat_core::conversations;
use chat_core::ids::{ConversationId, UserId};
use serde::{Deserialize, Serialize};

use crate::fields::Unknown;

/// Exactly one field is set. A release with other audiences adds a field of its own.
#[derive(Serialize, Deserialize)]
pub(super) struct Audience {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pair: Option<(i64, i64)>,
    /// The group's conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<i64>,
}

impl From<conversations::Audience> for Audience {
    fn from(audience: conversations::Audience) -> Self {
        let nobody = Self { user: None, pair: None, group: None };
        match audience {
            conversations::Audience::User(user) => Self { user: Some(user.0), ..nobody },
            conversations::Audience::Pair(low, high) => Self { pair: Some((low.0, high.0)), ..nobody },
            conversations::Audience::Group(conversation) => Self { group: Some(conversation.0), ..nobody },
        }
    }
}

impl TryFrom<Audience> for conversations::Audience {
    type Error = Unknown;

    fn try_from(audience: Audience) -> Result<Self, Unknown> {
        match audience {
            Audience { user: Some(user), .. } => Ok(Self::User(UserId(user))),
            Audience { pair: Some((low, high)), .. } => Ok(Self::Pair(UserId(low), UserId(high))),
            Audience { group: Some(conversation), .. } => Ok(Self::Group(ConversationId(conversation))),
            Audience { .. } => Err(Unknown),
        }
    }
}
