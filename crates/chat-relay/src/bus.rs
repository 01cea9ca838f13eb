//! The port to the bus between nodes. A bus may lose, duplicate, delay and reorder messages; nothing here waits for it.
//! Incoming messages go into the [`Inbox`](crate::Inbox) of the relay. Nothing of the relay itself may be named here.

use bytes::Bytes;
use chat_core::ids::{ConversationId, UserId};
use chat_core::sync::Epoch;

/// What a message is about. Nodes subscribe to the subjects that concern their clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// Headers of committed batches; every node subscribes.
    Log,
    /// Events that concern every node.
    Everyone,
    /// Events and signals for a user's clients.
    User(UserId),
    /// Events and signals for the members of a group.
    Group(ConversationId),
    /// Statements of nodes about themselves; every node subscribes.
    Node,
}

impl Subject {
    /// The subjects that every node subscribes to. A bus may subscribe to them before it is asked to.
    pub const OF_ALL: [Self; 3] = [Self::Log, Self::Everyone, Self::Node];
    /// One unused subject of each other kind, to find out whether a bus allows that kind.
    pub const OF_NOBODY: [Self; 2] = [Self::User(UserId(0)), Self::Group(ConversationId(0))];
    /// A subject that never has subscribers.
    pub const UNHEARD: Self = Self::User(UserId(-1));

    /// The subject's name on a bus. Clusters that share a bus have different prefixes.
    pub fn name(self, prefix: &str) -> String {
        match self {
            Self::Log => format!("{prefix}.log"),
            Self::Everyone => format!("{prefix}.all"),
            Self::User(user) => format!("{prefix}.u.{user}"),
            Self::Group(conversation) => format!("{prefix}.g.{conversation}"),
            Self::Node => format!("{prefix}.node"),
        }
    }
}

/// Carries messages between nodes. Calls MUST NOT block. Incoming messages go into the [`Inbox`](crate::Inbox) that was
/// passed to the bus's constructor. A bus MUST NOT deliver a node's own messages to it.
pub trait Bus: Send + Sync + 'static {
    /// Sends to all nodes that subscribe to the subject. Returns `false` if the message was dropped.
    fn publish(&self, subject: Subject, payload: Bytes) -> bool;
    /// Subscribes. Takes effect some time later, and again after every reconnection.
    fn subscribe(&self, subject: Subject);
    /// Ends a subscription.
    fn unsubscribe(&self, subject: Subject);
    /// Whether a message published now can arrive.
    fn is_up(&self) -> bool;
    /// Switches to the log of this epoch: messages published from now on reach only nodes that follow the same log.
    /// Incoming messages are delivered with the epoch of their log. Subscriptions stay.
    fn follow(&self, epoch: Epoch);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_have_different_names() {
        let name = |subject: Subject| subject.name("chat");
        assert_eq!(name(Subject::User(UserId(5))), "chat.u.5");
        assert_eq!(name(Subject::Group(ConversationId(5))), "chat.g.5");
        assert_eq!(Subject::OF_ALL.map(name), ["chat.log", "chat.all", "chat.node"]);
    }
}
