//! The context of a command about one message, and the outcome of deciding about it. Commands and refusals of a single
//! feature belong to that feature's file and may not be here.

use crate::Chat;
use crate::ids::{MessageId, UserId};
use crate::time::Timestamp;

/// The context of a command about one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageCommand {
    /// The user who gives the command.
    pub actor: UserId,
    /// The message that it is about.
    pub message: MessageId,
    /// When the server received it.
    pub at: Timestamp,
}

impl MessageCommand {
    /// Makes a command of `actor` about `message`, received at `at`.
    pub fn new(actor: UserId, message: MessageId, at: Timestamp) -> Self {
        Self { actor, message, at }
    }
}

/// What a store does about a command that the core does not refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<T> {
    /// Nothing changes: the message is already as the command wants it.
    Already,
    /// The store writes this.
    Apply(T),
}

impl Chat {
    /// Makes a command that is received now.
    pub(crate) fn command(&self, actor: UserId, message: MessageId) -> MessageCommand {
        MessageCommand::new(actor, message, self.clock.now())
    }
}
