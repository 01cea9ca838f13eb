//! What the nodes of a cluster need of each other: the journal of committed events, which is the truth, and who is
//! connected where, which is not stored. How the news travels is for adapters.

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::Result;
use crate::event::Event;
use crate::ids::{ConversationId, Position, UserId};
use crate::presence::PresenceStatus;

/// One running server of a cluster; drawn at random when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u64);

/// What was read of the journal.
#[derive(Debug, Clone)]
pub enum JournalPage {
    /// What was committed after the place that was asked for.
    Events {
        /// In the order of their positions, none missing. An event of a later release, which this one does not know,
        /// is left out.
        events: Vec<Arc<Event>>,
        /// Everything up to here is in this page or an earlier one.
        up_to: Position,
    },
    /// What came right after the place that was asked for is no longer kept, or can't be read by this release: it has
    /// to be read from the log itself.
    Gone,
}

/// The committed events of all nodes as they were announced, kept for a while, so that a node which was not told of
/// some can read them.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// The place of the last committed event.
    async fn end(&self) -> Result<Position>;
    /// What was committed after a place, at least one event if there is any, and not many more than `limit`.
    /// MUST leave nothing out: an event that is committed later MUST have a larger position than all that were read.
    async fn read(&self, after: Position, limit: u16) -> Result<JournalPage>;
}

/// Who is told which users and groups the clients of this node have to do with, so that news of others can be left
/// alone, and how its users want to be seen, for the other nodes.
///
/// Each thing is told in the order in which it happens, which takes a lock of the caller's: calls must not block, and
/// must not call the [`PresenceRegistry`] back. A user's groups are told before the end of the log is read for a client of
/// theirs, and a group that an event brings with it before [`EventSink::publish`](crate::ports::EventSink::publish) of
/// that event returns (it is told within that call): so nothing after either is of no interest by mistake.
pub trait LocalMembers: Send + Sync + 'static {
    /// The user's first client on this node has come (`true`) or the last has gone.
    fn user(&self, user: UserId, is_here: bool);
    /// The first member of the group who has a client on this node has come (`true`) or the last has gone.
    fn group(&self, conversation: ConversationId, is_here: bool);
    /// A user of this node wants to be seen otherwise, or (`None`) has no client here any more.
    fn presence(&self, user: UserId, choice: Option<PresenceStatus>);
}

/// Who is connected to which node.
pub trait PresenceRegistry: Send + Sync + 'static {
    /// Everybody who is connected to this node, with how they want to be seen.
    fn here(&self) -> Vec<(UserId, PresenceStatus)>;
    /// What another node says of users: how they want to be seen, `None` for somebody who has no client there any more,
    /// who was last seen now if no other node has them. Writing down when is for that node.
    fn there(&self, node: NodeId, users: &[(UserId, Option<PresenceStatus>)]);
    /// Another node is gone, and with it whoever was connected to it.
    fn lost(&self, node: NodeId);
}

/// How this node stands with the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// News travels.
    Up,
    /// News of other nodes is read from the journal, and arrives late; presence and typing do not arrive.
    Down,
}

/// What can be asked of the link to the other nodes.
pub trait Peers: Send + Sync + 'static {
    /// Whether news travels at present; `None` where nodes have nothing but the journal by which to know of each other.
    fn link(&self) -> Option<Link>;
    /// How many committed events this node has not yet told its clients of.
    fn lag(&self) -> u64;
}
