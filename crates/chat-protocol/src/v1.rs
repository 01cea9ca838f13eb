//! The frames of the v1 stream (docs/contract.md, "The v1 stream"). The keys `ID` and `MediaURL` are historical.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Time;

/// A frame about a message, or a system or typing notice in the same shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageFrame {
    /// Id of the message; 0 in a notice.
    #[serde(rename = "ID")]
    pub id: i64,
    /// Id of the author; 0 in a system notice.
    pub sender_id: i64,
    /// Id of the recipient; 0 in a group message.
    pub recipient_id: i64,
    /// Id of the group; 0 in a direct message.
    pub group_id: i64,
    /// `text`, `image` …, `group_message`, `system` or `typing`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Text.
    pub content: String,
    /// URL of the attachment; empty without one.
    #[serde(rename = "MediaURL")]
    pub media_url: String,
    /// When the server accepted the message.
    pub timestamp: Time,
}

/// The answer to an invalid frame; the connection stays open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorFrame {
    /// Always `error`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A sentence for people.
    pub error: String,
    /// Stable name for programs, as over HTTP.
    pub code: String,
    /// For `rate_limited`: true, because the same frame will succeed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub temporary: Option<bool>,
    /// For `rate_limited`: name of the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub policy: Option<String>,
    /// For `rate_limited`: milliseconds to wait before a retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub retry_after_ms: Option<u64>,
}

/// A JSON object from a client: an `action`, or a `type` of message or notice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientFrame {
    /// `set_recipient`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// `text`, `image`, `p2p_message`, `group_message` or `typing`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// For `set_recipient`: id of a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<i64>,
    /// Id of the recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient_id: Option<i64>,
    /// Id of the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<i64>,
    /// Text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// URL of an attachment.
    #[serde(default, alias = "MediaURL", skip_serializing_if = "Option::is_none")]
    pub media_url: Option<String>,
    /// The sender's key for this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_msg_id: Option<String>,
}
