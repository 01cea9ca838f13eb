//! The frames of the v1 stream (docs/contract.md, "The v1 stream"). The keys `ID` and `MediaURL` are historical.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Time;

/// A frame about a message, or a system or typing notice in the same shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageFrame {
    /// The message's number; 0 in a notice.
    #[serde(rename = "ID")]
    pub id: i64,
    /// Who wrote it; 0 in a system notice.
    pub sender_id: i64,
    /// To which user; 0 in a group message.
    pub recipient_id: i64,
    /// To which group; 0 in a P2P message.
    pub group_id: i64,
    /// `text`, `image` …, `group_message`, `system` or `typing`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Text.
    pub content: String,
    /// Where the media is; empty where none.
    #[serde(rename = "MediaURL")]
    pub media_url: String,
    /// When the server accepted it.
    pub timestamp: Time,
}

/// The answer to a frame that was wrong; the connection stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorFrame {
    /// Always `error`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A sentence.
    pub error: String,
    /// Stable and meant for programs, the same codes as over HTTP.
    pub code: String,
    /// Of `rate_limited`: true, since the same frame will be taken later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub temporary: Option<bool>,
    /// Of `rate_limited`: the limit's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub policy: Option<String>,
    /// Of `rate_limited`: when to try again.
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
    /// Of `set_recipient`: to a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<i64>,
    /// To a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient_id: Option<i64>,
    /// To a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<i64>,
    /// Text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Where the media is.
    #[serde(default, alias = "MediaURL", skip_serializing_if = "Option::is_none")]
    pub media_url: Option<String>,
    /// The sender's key for this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_msg_id: Option<String>,
}
