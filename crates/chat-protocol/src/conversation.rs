//! Conversations on the wire, with the state that belongs to one member (docs/contract.md, "The model").

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::message::Message;
use crate::time::Time;

/// A conversation. A frame about a change that concerns all members omits the per-member state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Conversation {
    /// Id of the conversation.
    #[schema(example = 1)]
    pub id: i64,
    /// `direct` or `group`.
    #[schema(example = "direct")]
    pub kind: Cow<'static, str>,
    /// Direct: id of the other user.
    #[schema(required)]
    pub user_id: Option<i64>,
    /// Group: its id.
    #[schema(required)]
    pub group_id: Option<i64>,
    /// Group: its name.
    #[schema(required)]
    pub name: Option<String>,
    /// Group: id of the owner.
    #[schema(required)]
    pub owner_id: Option<i64>,
    /// Number of changes of every kind.
    #[schema(example = 3)]
    pub rev: i64,
    /// `seq` of the last message.
    #[schema(example = 2)]
    pub last_seq: i64,
    /// Number of members.
    #[schema(example = 2)]
    pub n_members: u32,
    /// When the conversation was created.
    pub created_at: Time,
    /// The newest message; omitted in some frames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_message: Option<Box<Message>>,
    /// The caller's per-member state.
    #[serde(flatten)]
    pub own: Option<OwnPart>,
}

/// State of a conversation that belongs to one member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnPart {
    /// `owner`, `admin` or `member`; null for a user who is no longer a member.
    #[schema(required)]
    pub role: Option<Cow<'static, str>>,
    /// `seq` of the last message that a client of the caller has confirmed.
    pub delivered_seq: i64,
    /// `seq` of the last message that the caller has read.
    pub read_seq: i64,
    /// Number of later messages by others that are neither deleted nor hidden by the caller.
    pub unread: u32,
    /// Number of those that mention the caller or everyone.
    pub mentions: u32,
    /// Whether the caller marked the conversation as unread.
    pub marked_unread: bool,
    /// Notifications are off until this time; null if they are on.
    #[schema(required)]
    pub muted_until: Option<Time>,
    /// Whether the conversation is archived.
    pub archived: bool,
    /// Whether the conversation is pinned to the top.
    pub pinned: bool,
    /// Text that the caller has not sent yet.
    #[schema(required)]
    pub draft: Option<String>,
    /// What the caller may do: `post`, `react`, `pin`, `delete_any`, `add_member`, `remove_member`, `rename`, `change_role`.
    pub capabilities: Vec<Cow<'static, str>>,
}

/// A page of conversations, the one with the newest message first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Conversations {
    /// The conversations of the page.
    pub conversations: Vec<Conversation>,
    /// Pass as `?cursor=` for the next page; null on the last one.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// Changes to the caller's per-member state. Omitted fields stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateRequest {
    /// Mark as unread, or remove the mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marked_unread: Option<bool>,
    /// Mute until this time; null to unmute.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<Time>)]
    pub muted_until: Option<Option<Time>>,
    /// Archive, or move back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
    /// Pin to the top, or unpin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<bool>,
    /// Save a draft; null to remove it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub draft: Option<Option<String>>,
}

/// Deserializes a field that is present, so that null is distinguished from a missing field.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The caller's read pointer in a conversation, or in one of its threads.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReadRequest {
    /// `seq` of the last message read.
    #[schema(example = 2)]
    pub seq: i64,
    /// Id of the thread's root, if a thread was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<i64>,
}

/// Conversations that the caller has read up to their last messages. An empty object means all.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadManyRequest {
    /// All conversations with unread messages or marked as unread; not together with `conversation_ids`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<bool>,
    /// Only these conversations, at most 1000.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Vec<i64>, required = false, max_items = 1000)]
    pub conversation_ids: Option<Vec<i64>>,
}

/// The conversations that were marked as read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MarkedRead {
    /// Those that were not read up to their last messages, or were marked as unread.
    pub read: Vec<ReadPointer>,
    /// Those of `conversation_ids` that do not exist or of which the caller is not a member.
    pub not_found: Vec<i64>,
}

/// The caller's read pointer in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadPointer {
    /// Id of the conversation.
    #[schema(example = 1)]
    pub conversation_id: i64,
    /// `seq` of its last message.
    #[schema(example = 2)]
    pub read_seq: i64,
}

/// The delivered pointer of a client of the caller.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeliveredRequest {
    /// `seq` of the last message that the client has.
    #[schema(example = 2)]
    pub seq: i64,
}

/// A member's delivered and read pointers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberReceipt {
    /// Id of the user.
    #[schema(example = 2)]
    pub user_id: i64,
    /// `seq` of the last message that a client of the member has confirmed.
    pub delivered_seq: i64,
    /// `seq` of the last message that the member has read.
    pub read_seq: i64,
}

/// Unread counts over all conversations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Number of unread messages in conversations that are not muted.
    #[schema(example = 3)]
    pub unread: u32,
    /// Number of those that mention the caller or everyone.
    #[schema(example = 1)]
    pub mentions: u32,
    /// Number of conversations with unread messages.
    #[schema(example = 2)]
    pub conversations: u32,
}

/// A user's presence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Presence {
    /// Id of the user.
    #[schema(example = 2)]
    pub user_id: i64,
    /// `online`, `away` or `offline`.
    #[schema(example = "online")]
    pub status: Cow<'static, str>,
    /// When the user was last connected; null unless offline, or if hidden.
    #[schema(required)]
    pub last_seen: Option<Time>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_missing_are_distinguished() {
        let request: StateRequest = serde_json::from_str(r#"{"draft":null}"#).unwrap();
        assert_eq!(request, StateRequest { draft: Some(None), ..StateRequest::default() });
        let request: StateRequest = serde_json::from_str(r#"{"draft":"hi"}"#).unwrap();
        assert_eq!(request.draft, Some(Some("hi".into())));
        assert_eq!(serde_json::from_str::<StateRequest>("{}").unwrap(), StateRequest::default());
    }
}
