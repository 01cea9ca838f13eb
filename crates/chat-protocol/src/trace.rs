//! The way of one message on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Time;

/// The way of one message: what is kept for good, and what the answering server still remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageTrace {
    /// Which message.
    #[schema(example = 3)]
    pub message_id: i64,
    /// Its conversation.
    #[schema(example = 1)]
    pub conversation_id: i64,
    /// Its place there.
    #[schema(example = 3)]
    pub seq: i64,
    /// The place of its making in the log of all changes.
    #[schema(example = 6)]
    pub position: i64,
    /// When the server accepted it.
    pub accepted_at: Time,
    /// When the answering server learned that it is on disk; null where it remembers no more.
    #[schema(required)]
    pub committed_at: Option<Time>,
    /// Where it was given to clients that were connected; empty where the answering server remembers no more.
    pub fanned_out: Vec<FanOut>,
    /// How it reached those whom it was for, at most 200 of them: members of then who still are some, less its author.
    pub members: Vec<TracedMember>,
    /// Whether this is all there is to tell. False where the answering server has restarted or forgotten since, and always
    /// where there are several: each tells of what it saw itself.
    pub complete: bool,
}

/// One server that gave a message to its clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FanOut {
    /// Which server; null where there is one alone.
    #[schema(required)]
    pub node: Option<String>,
    /// When it had queued it for the last of them; null where there was none.
    #[schema(required)]
    pub at: Option<Time>,
    /// For how many connections.
    #[schema(example = 2)]
    pub connections: u64,
}

/// How a message reached a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TracedMember {
    /// Who.
    #[schema(example = 2)]
    pub user_id: i64,
    /// Whether a client of the member has confirmed it.
    pub delivered: bool,
    /// Whether the member has read it.
    pub read: bool,
    /// When a client confirmed it; null where the answering server did not see that or remembers no more.
    #[schema(required)]
    pub delivered_at: Option<Time>,
    /// When the member had read it; null likewise.
    #[schema(required)]
    pub read_at: Option<Time>,
}
