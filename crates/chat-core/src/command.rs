//! A command about one message: who gives it, about which message and when, and what is to be done about it. What the
//! commands are and when they are refused is in each feature's file.

use crate::Chat;
use crate::ids::{MessageId, UserId};
use crate::time::Timestamp;

/// Who wants to change something about a message, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageCommand {
    /// The user who gives the command.
    pub actor: UserId,
    /// The message that it is about.
    pub message: MessageId,
    /// When the server took it.
    pub at: Timestamp,
}

impl MessageCommand {
    /// A command of `actor` about `message`, taken at `at`.
    pub fn new(actor: UserId, message: MessageId, at: Timestamp) -> Self {
        Self { actor, message, at }
    }
}

/// What a store does about a command that is not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<T> {
    /// Nothing: all is as the command wants it.
    Already,
    /// It writes this.
    Apply(T),
}

impl Chat {
    /// A command that is taken now.
    pub(crate) fn command(&self, actor: UserId, message: MessageId) -> MessageCommand {
        MessageCommand::new(actor, message, self.clock.now())
    }
}
