//! Typing signals: checked like a message, passed on to connected clients, never stored.

use crate::Chat;
use crate::error::{Error, Result};
use crate::event::Signal;
use crate::ids::{ConversationId, UserId};
use crate::messages::Recipient;

impl Chat {
    /// Signals to the recipient, or to the other members of the group, that `from` is typing.
    ///
    /// # Errors
    /// The refusal that a message to this recipient would get.
    pub async fn typing(&self, from: UserId, to: Recipient) -> Result<()> {
        let signal = self.reach(from, to).await?;
        self.sink.signal(signal);
        Ok(())
    }

    /// Signals to the other members of a conversation that `from` is typing.
    pub async fn typing_in(&self, from: UserId, conversation: ConversationId) -> Result<()> {
        let to = self.store.recipient(from, conversation).await?;
        self.typing(from, to).await
    }

    /// Checks that `from` may write to this recipient, as for a message.
    pub async fn check_recipient(&self, from: UserId, to: Recipient) -> Result<()> {
        self.reach(from, to).await.map(drop)
    }

    async fn reach(&self, from: UserId, to: Recipient) -> Result<Signal> {
        let at = self.clock.now();
        match to {
            Recipient::User(to) if to == from => Err(Error::Yourself),
            Recipient::User(to) => {
                let conversation = self.store.direct_with(from, to).await?;
                Ok(Signal::TypingToUser { from, to, conversation, at })
            }
            Recipient::Group(group) => {
                let conversation = self.store.group_conversation(from, group).await?;
                Ok(Signal::TypingToGroup { from, group, conversation, at })
            }
        }
    }
}
