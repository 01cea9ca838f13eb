//! Conversations on the wire, with the state that belongs to one member (docs/contract.md, "The model").

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::message::Message;
use crate::time::Time;

/// A conversation. A frame about what concerns all members has no own part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Conversation {
    /// Its number.
    #[schema(example = 1)]
    pub id: i64,
    /// `direct` or `group`.
    #[schema(example = "direct")]
    pub kind: Cow<'static, str>,
    /// Of a direct one: the other side.
    #[schema(required)]
    pub user_id: Option<i64>,
    /// Of a group: its number.
    #[schema(required)]
    pub group_id: Option<i64>,
    /// Of a group: its name.
    #[schema(required)]
    pub name: Option<String>,
    /// Of a group: who owns it.
    #[schema(required)]
    pub owner_id: Option<i64>,
    /// Its count of changes.
    #[schema(example = 3)]
    pub rev: i64,
    /// The number of its last message.
    #[schema(example = 2)]
    pub last_seq: i64,
    /// How many members it has.
    #[schema(example = 2)]
    pub n_members: u32,
    /// When it came into being.
    pub created_at: Time,
    /// The newest message; left out where it is not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_message: Option<Box<Message>>,
    /// The caller's own part.
    #[serde(flatten)]
    pub own: Option<OwnPart>,
}

/// What a conversation is to one member alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnPart {
    /// `owner`, `admin` or `member`; null for somebody who is no member any more.
    #[schema(required)]
    pub role: Option<Cow<'static, str>>,
    /// The last message that a client of the caller has confirmed.
    pub delivered_seq: i64,
    /// The last message that the caller has read.
    pub read_seq: i64,
    /// Messages of others after that.
    pub unread: u32,
    /// Those of them that mention the caller or all.
    pub mentions: u32,
    /// Marked as unread by hand.
    pub marked_unread: bool,
    /// No notifications until then.
    #[schema(required)]
    pub muted_until: Option<Time>,
    /// Put away.
    pub archived: bool,
    /// Kept at the top.
    pub pinned: bool,
    /// A text that the caller has begun.
    #[schema(required)]
    pub draft: Option<String>,
    /// What the caller may do here.
    pub capabilities: Vec<Cow<'static, str>>,
}

/// A page of conversations, the one with the newest message first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Conversations {
    /// The conversations.
    pub conversations: Vec<Conversation>,
    /// Leads to the next page, as `?cursor=`; null on the last.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// What the caller changes of their own part; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateRequest {
    /// Mark as unread, or take the mark away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marked_unread: Option<bool>,
    /// Mute until then; null to unmute.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<Time>)]
    pub muted_until: Option<Option<Time>>,
    /// Put away or back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
    /// Keep at the top or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<bool>,
    /// Leave a draft; null to take it away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub draft: Option<Option<String>>,
}

/// Tells a field that is null from one that is left out.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// How far the caller has come in a conversation, or in a thread of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReadRequest {
    /// The last message that has been read.
    #[schema(example = 2)]
    pub seq: i64,
    /// The thread's root, where it is a thread that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<i64>,
}

/// What a client of the caller has.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeliveredRequest {
    /// The last message that the client has.
    #[schema(example = 2)]
    pub seq: i64,
}

/// How far a member has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberReceipt {
    /// Who.
    #[schema(example = 2)]
    pub user_id: i64,
    /// The last message that a client of the member has confirmed.
    pub delivered_seq: i64,
    /// The last message that the member has read.
    pub read_seq: i64,
}

/// What waits for the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Unread messages in conversations that are not muted.
    #[schema(example = 3)]
    pub unread: u32,
    /// Those of them that mention the caller or all.
    #[schema(example = 1)]
    pub mentions: u32,
    /// Conversations in which something waits.
    #[schema(example = 2)]
    pub conversations: u32,
}

/// A user's presence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Presence {
    /// Whose.
    #[schema(example = 2)]
    pub user_id: i64,
    /// `online`, `away` or `offline`.
    #[schema(example = "online")]
    pub status: Cow<'static, str>,
    /// When the user was last connected, as far as others may know.
    #[schema(required)]
    pub last_seen: Option<Time>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_left_out_are_told_apart() {
        let request: StateRequest = serde_json::from_str(r#"{"draft":null}"#).unwrap();
        assert_eq!(request, StateRequest { draft: Some(None), ..StateRequest::default() });
        let request: StateRequest = serde_json::from_str(r#"{"draft":"hi"}"#).unwrap();
        assert_eq!(request.draft, Some(Some("hi".into())));
        assert_eq!(serde_json::from_str::<StateRequest>("{}").unwrap(), StateRequest::default());
    }
}
