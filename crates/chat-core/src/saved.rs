//! Messages that a user keeps for later, on all of their devices.

use async_trait::async_trait;

use crate::Chat;
use crate::command::MessageCommand;
use crate::error::Result;
use crate::event::{Change, Outcome};
use crate::ids::{MessageId, UserId};
use crate::messages::{Message, Page};

/// What came of saving a message, or of no longer doing so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It is so now.
    Now {
        /// Who.
        user: UserId,
        /// Which message.
        message: MessageId,
        /// Whether it is saved.
        saved: bool,
    },
    /// It was so before.
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

/// Decides what saving the message, or no longer saving it, changes.
pub fn decide(command: MessageCommand, is_saved: bool, saved: bool) -> Saved {
    if is_saved == saved {
        return Saved::Already;
    }
    Saved::Now { user: command.actor, message: command.message, saved }
}

/// The durable side of saved messages.
#[async_trait]
pub trait SavedStore: Send + Sync + 'static {
    /// Saves the message or no longer does, as [`decide`] has it. MUST answer `NotFound` where the actor is not a member of its conversation.
    async fn save(&self, command: MessageCommand, saved: bool) -> Result<Saved>;
    /// A page of the saved messages that the user may still see, the newest message first.
    async fn saved(&self, user: UserId, page: Page) -> Result<Vec<Message>>;
}

impl Chat {
    /// Saves a message for the user, or no longer does.
    pub async fn save(&self, user: UserId, message: MessageId, saved: bool) -> Result<()> {
        self.store.save(self.command(user, message), saved).await.map(drop)
    }

    /// A page of the user's saved messages, the newest message first.
    pub async fn saved(&self, user: UserId, page: Page) -> Result<Vec<Message>> {
        self.store.saved(user, page).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn what_is_so_already_changes_nothing() {
        let command = MessageCommand::new(UserId(1), MessageId(30), Timestamp(5));
        for (is_saved, saved) in [(false, true), (true, false)] {
            let now = Saved::Now { user: UserId(1), message: MessageId(30), saved };
            assert_eq!(decide(command, is_saved, saved), now);
            assert_eq!(decide(command, saved, saved), Saved::Already);
        }
    }
}
