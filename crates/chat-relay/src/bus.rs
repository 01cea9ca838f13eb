//! The port to whatever carries news between nodes. A bus may lose, double, delay and mix up what it carries; nothing
//! here waits for it. What comes in goes into the [`Inbox`](crate::Inbox) of the relay; nothing of the relay itself may
//! be named here.

use bytes::Bytes;
use chat_core::ids::{ConversationId, UserId};
use chat_core::sync::Epoch;

/// What news is about, for nodes to listen to what concerns them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// What was committed, in brief; every node listens.
    Log,
    /// Events that concern every node.
    Everyone,
    /// What concerns a user's clients.
    User(UserId),
    /// What concerns the members of a group.
    Group(ConversationId),
    /// What nodes say of themselves; every node listens.
    Node,
}

impl Subject {
    /// The subjects that every node listens to; a bus may do so before it is told to.
    pub const OF_ALL: [Self; 3] = [Self::Log, Self::Everyone, Self::Node];
    /// One of each other kind that concerns nobody, to find out whether a bus lets us use that kind.
    pub const OF_NOBODY: [Self; 2] = [Self::User(UserId(0)), Self::Group(ConversationId(0))];
    /// This one nobody listens to either.
    pub const UNHEARD: Self = Self::User(UserId(-1));

    /// The subject as a bus spells it. Clusters that share a bus have different prefixes.
    pub fn spelt(self, prefix: &str) -> String {
        match self {
            Self::Log => format!("{prefix}.log"),
            Self::Everyone => format!("{prefix}.all"),
            Self::User(user) => format!("{prefix}.u.{user}"),
            Self::Group(conversation) => format!("{prefix}.g.{conversation}"),
            Self::Node => format!("{prefix}.node"),
        }
    }
}

/// What carries news between nodes. Calls MUST NOT block. What comes in goes into the [`Inbox`](crate::Inbox) that the bus was given
/// when it was made; a bus MUST NOT bring a node what that node has published itself.
pub trait Bus: Send + Sync + 'static {
    /// Sends to all nodes that listen; `false`: it was dropped.
    fn publish(&self, subject: Subject, payload: Bytes) -> bool;
    /// Listens from some later moment on, and again after every break of the connection.
    fn subscribe(&self, subject: Subject);
    /// Ceases to listen.
    fn unsubscribe(&self, subject: Subject);
    /// Whether what is published now has a chance to arrive.
    fn is_up(&self) -> bool;
    /// From now on, the news is that of the log of this epoch: what is published reaches those nodes alone that follow it
    /// too, and what comes in is delivered as of the epoch that it is of. What is listened to stays so.
    fn follow(&self, epoch: Epoch);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_spelt_apart() {
        let spelt = |subject: Subject| subject.spelt("chat");
        assert_eq!(spelt(Subject::User(UserId(5))), "chat.u.5");
        assert_eq!(spelt(Subject::Group(ConversationId(5))), "chat.g.5");
        assert_eq!(Subject::OF_ALL.map(spelt), ["chat.log", "chat.all", "chat.node"]);
    }
}
