//! What the application tells the world: durable events, which a store hands to the [`EventSink`](crate::ports::EventSink)
//! after their commit and in commit order, and signals, which are never stored.

use crate::groups::{Group, Role};
use crate::ids::{ConversationId, GroupId, Position, UserId};
use crate::messages::Message;
use crate::time::Timestamp;

/// One committed change and its place in the log of all changes.
#[derive(Debug, Clone)]
pub struct Event {
    /// Larger for every later commit.
    pub position: Position,
    /// What happened.
    pub change: Change,
}

/// What a committed write changed.
#[derive(Debug, Clone)]
pub enum Change {
    /// A message was added to a conversation.
    MessagePosted(Message),
    /// A group came into being, with its owner as the only member.
    GroupCreated(Group),
    /// A user became a member of a group.
    MemberAdded {
        /// The group as clients name it.
        group: GroupId,
        /// The group's conversation.
        conversation: ConversationId,
        /// The new member.
        user: UserId,
        /// The new member's role.
        role: Role,
    },
}

/// The result of a write, from which the events are derived here rather than in an adapter, so that no adapter can
/// forget or invent one.
pub trait Outcome {
    /// The change to announce; `None` when the write changed nothing (a duplicate, say).
    fn change(&self) -> Option<Change>;
}

impl Outcome for () {
    fn change(&self) -> Option<Change> {
        None
    }
}

/// Something worth telling those who are connected now, and nobody later.
#[derive(Debug, Clone)]
pub enum Signal {
    /// A user is typing to another user.
    TypingToUser {
        /// Who types.
        from: UserId,
        /// Who is told.
        to: UserId,
        /// When.
        at: Timestamp,
    },
    /// A user is typing in a group; the other members are told.
    TypingToGroup {
        /// Who types.
        from: UserId,
        /// The group as clients name it.
        group: GroupId,
        /// The group's conversation.
        conversation: ConversationId,
        /// When.
        at: Timestamp,
    },
}
