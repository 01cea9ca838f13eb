//! The delivery trace of one message on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Time;

/// The delivery of one message: what is stored, and what the answering server still remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageTrace {
    /// Id of the message.
    #[schema(example = 3)]
    pub message_id: i64,
    /// Id of the message's conversation.
    #[schema(example = 1)]
    pub conversation_id: i64,
    /// Number of the message in its conversation.
    #[schema(example = 3)]
    pub seq: i64,
    /// Log position of the message's creation.
    #[schema(example = 6)]
    pub position: i64,
    /// When the server accepted the message.
    pub accepted_at: Time,
    /// When the answering server learned that the message is on disk; null if it has forgotten.
    #[schema(required)]
    pub committed_at: Option<Time>,
    /// Nodes that sent it to connected clients; empty if the answering server has forgotten.
    pub fanned_out: Vec<FanOut>,
    /// Delivery to the members of that time who still are members, without the author; at most 200.
    pub members: Vec<TracedMember>,
    /// Whether nothing is missing. False if the answering server has restarted or forgotten since, and always in
    /// a cluster, where each node reports only what it saw itself.
    pub complete: bool,
}

/// A node that sent a message to its clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FanOut {
    /// Id of the node; null for a single server.
    #[schema(required)]
    pub node: Option<String>,
    /// When it had queued the message to its last client; null without clients.
    #[schema(required)]
    pub at: Option<Time>,
    /// Number of connections.
    #[schema(example = 2)]
    pub connections: u64,
}

/// How a message reached a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TracedMember {
    /// Id of the user.
    #[schema(example = 2)]
    pub user_id: i64,
    /// Whether a client of the member has confirmed the message.
    pub delivered: bool,
    /// Whether the member has read the message.
    pub read: bool,
    /// When a client confirmed it; null if the answering server did not see that or has forgotten.
    #[schema(required)]
    pub delivered_at: Option<Time>,
    /// When the member read it; null in the same cases.
    #[schema(required)]
    pub read_at: Option<Time>,
}
