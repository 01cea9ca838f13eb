//! What the nodes of a cluster share: the journal of committed events, which is the source of truth, and which users
//! are connected to which node, which is not stored. How messages travel between nodes is up to adapters.

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::Result;
use crate::event::Event;
use crate::ids::{ConversationId, Position, UserId};
use crate::presence::PresenceStatus;

/// Id of one running server of a cluster; drawn at random at start-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u64);

/// The result of reading the journal.
#[derive(Debug, Clone)]
pub enum JournalPage {
    /// The events after the requested log position.
    Events {
        /// Ordered by log position, with none missing. Events of a later release that this one does not know are left
        /// out.
        events: Vec<Arc<Event>>,
        /// Log position up to which this page and the earlier ones are complete.
        up_to: Position,
    },
    /// The event right after the requested log position is no longer kept, or this release cannot read it; read the log
    /// itself instead.
    Gone,
}

/// The committed events of all nodes as they were announced, kept for a while, so that a node that missed some can read
/// them.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Returns the log position of the last committed event.
    async fn end(&self) -> Result<Position>;
    /// Returns events after a log position: at least one if there are any, and not many more than `limit`. MUST leave
    /// nothing out: an event that is committed later MUST have a larger position than all that were read.
    async fn read(&self, after: Position, limit: u16) -> Result<JournalPage>;
}

/// Receives which users and groups have clients on this node, so that events for others can be skipped, and the
/// presence of this node's users, to pass on to the other nodes.
///
/// Calls arrive in the order of what they report, because the caller holds a lock meanwhile: they must not block, and
/// must not call the [`PresenceRegistry`] back. A user's groups are reported before the end of the log is read for a
/// client of that user. A group that an event adds is reported within
/// [`EventSink::publish`](crate::ports::EventSink::publish) of that event. So no event that follows either is skipped
/// by mistake.
pub trait LocalMembers: Send + Sync + 'static {
    /// The user's first client on this node has connected (`true`) or the last has disconnected.
    fn user(&self, user: UserId, is_here: bool);
    /// The group's first member with a client on this node has connected (`true`) or the last has disconnected.
    fn group(&self, conversation: ConversationId, is_here: bool);
    /// A user of this node has chosen another presence, or (`None`) has no client here any more.
    fn presence(&self, user: UserId, choice: Option<PresenceStatus>);
}

/// Records which users are connected to which node.
pub trait PresenceRegistry: Send + Sync + 'static {
    /// Returns all users who are connected to this node, with the presence that each has chosen.
    fn here(&self) -> Vec<(UserId, PresenceStatus)>;
    /// Takes the presence of users from another node; `None` for a user without a client there. If no other node has
    /// such a user either, the user was last seen now; the reporting node stores that time.
    fn there(&self, node: NodeId, users: &[(UserId, Option<PresenceStatus>)]);
    /// Another node is gone, and with it all connections to it.
    fn lost(&self, node: NodeId);
}

/// State of the connection to the other nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Events of other nodes arrive.
    Up,
    /// Events of other nodes are read from the journal, and arrive late; presence and typing do not arrive.
    Down,
}

/// Reports on the connection to the other nodes.
pub trait Peers: Send + Sync + 'static {
    /// Returns the state of the connection; `None` if nodes share nothing but the journal.
    fn link(&self) -> Option<Link>;
    /// Returns how many committed events this node has not yet delivered to its clients.
    fn lag(&self) -> u64;
}
