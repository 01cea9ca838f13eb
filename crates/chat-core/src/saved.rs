//! Messages that a user has saved for later, shared by all of the user's devices.

use async_trait::async_trait;

use crate::Chat;
use crate::command::MessageCommand;
use crate::error::Result;
use crate::event::{Change, Outcome};
use crate::ids::{MessageId, UserId};
use crate::messages::{Message, Page};

/// The result of saving a message or removing it from the saved ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// The state changed.
    Now {
        user: UserId,
        message: MessageId,
        /// Whether the message is saved now.
        saved: bool,
    },
    /// The state was as requested before; nothing changed.
    Already,
}

impl Outcome for Saved {
    fn changes(&self) -> Vec<Change> {
        match *self {
            Self::Now { user, message, saved } => vec![Change::MessageSaved { user, message, saved }],
            Self::Already => Vec::new(),
        }
    }
}

/// Decides what saving the message (`saved`), or removing it from the saved ones, changes.
pub fn decide(command: MessageCommand, is_saved: bool, saved: bool) -> Saved {
    if is_saved == saved {
        return Saved::Already;
    }
    Saved::Now { user: command.actor, message: command.message, saved }
}

/// The durable side of saved messages.
#[async_trait]
pub trait SavedStore: Send + Sync + 'static {
    /// Saves the message or removes it, as [`decide`] decides. MUST answer `NotFound` if the actor is not a member of
    /// its conversation.
    async fn save(&self, command: MessageCommand, saved: bool) -> Result<Saved>;
    /// Returns a page of the saved messages that the user may still see, the newest message first.
    async fn saved(&self, user: UserId, page: Page) -> Result<Vec<Message>>;
}

impl Chat {
    /// Saves a message for the user (`saved`), or removes it from the saved ones.
    pub async fn save(&self, user: UserId, message: MessageId, saved: bool) -> Result<()> {
        self.store.save(self.command(user, message), saved).await.map(drop)
    }

    /// Returns a page of the user's saved messages, the newest message first.
    pub async fn saved(&self, user: UserId, page: Page) -> Result<Vec<Message>> {
        self.store.saved(user, page).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn a_state_that_is_already_reached_changes_nothing() {
        let command = MessageCommand::new(UserId(1), MessageId(30), Timestamp(5));
        for (is_saved, saved) in [(false, true), (true, false)] {
            let now = Saved::Now { user: UserId(1), message: MessageId(30), saved };
            assert_eq!(decide(command, is_saved, saved), now);
            assert_eq!(decide(command, saved, saved), Saved::Already);
        }
    }
}
