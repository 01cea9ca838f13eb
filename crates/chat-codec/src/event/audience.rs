//! Whose clients are told, as it is written down.

use chat_core::conversations::Audience as Told;
use chat_core::ids::{ConversationId, UserId};
use serde::{Deserialize, Serialize};

use crate::fields::Unknown;

/// One of these; a release that tells others than those says so in a field of its own.
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

impl From<Told> for Audience {
    fn from(audience: Told) -> Self {
        let nobody = Self { user: None, pair: None, group: None };
        match audience {
            Told::User(user) => Self { user: Some(user.0), ..nobody },
            Told::Pair(low, high) => Self { pair: Some((low.0, high.0)), ..nobody },
            Told::Group(conversation) => Self { group: Some(conversation.0), ..nobody },
        }
    }
}

impl TryFrom<Audience> for Told {
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
