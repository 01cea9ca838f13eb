//! Changing a message after it was sent: editing it, deleting it for everyone or for oneself, pinning it.

use async_trait::async_trait;

use crate::Chat;
use crate::changes::Changed;
use crate::error::Result;
use crate::event::{Change, Outcome};
use crate::ids::{ConversationId, MessageId, UserId};
use crate::messages::Message;
use crate::posting;
use crate::time::Timestamp;

/// How many former texts are kept of one message, the newest: else everybody could fill the disk through one message.
pub const MAX_VERSIONS: u16 = 100;

/// Who does something to which message, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deed {
    /// Who.
    pub actor: UserId,
    /// Which message.
    pub message: MessageId,
    /// When.
    pub at: Timestamp,
}

/// A text that a message had before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The text.
    pub content: String,
    /// Since when it had that.
    pub since: Timestamp,
}

/// What came of deleting a message for oneself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// The user sees it no more.
    Now {
        /// Who.
        user: UserId,
        /// The message's conversation.
        conversation: ConversationId,
        /// Which message.
        message: MessageId,
    },
    /// It was so before.
    Already,
}

impl Outcome for Hidden {
    fn changes(&self) -> Vec<Change> {
        match *self {
            Self::Now { user, conversation, message } => {
                vec![Change::MessageHidden { user, conversation, message }]
            }
            Self::Already => Vec::new(),
        }
    }
}

/// The durable side of changing messages. Every method MUST answer `NotFound` where the actor is not a member of the
/// message's conversation, and ask the policy in the same transaction; every change moves the message's `rev`.
#[async_trait]
pub trait EditStore: Send + Sync + 'static {
    /// Replaces the text and keeps the former one, and no more than [`MAX_VERSIONS`] of them. MUST refuse a deleted
    /// message and one that is still growing, and an empty text where there is no media; MUST answer `Already` for the
    /// same text.
    async fn edit(&self, deed: Deed, content: String) -> Result<Changed>;
    /// Empties the message: text, media, mentions, custom data, reactions, pin and former texts. It keeps its place.
    async fn delete(&self, deed: Deed) -> Result<Changed>;
    /// Takes the message out of what the actor sees.
    async fn hide(&self, deed: Deed) -> Result<Hidden>;
    /// Pins the message or takes the pin away. MUST refuse a deleted message.
    async fn pin(&self, deed: Deed, pinned: bool) -> Result<Changed>;
    /// The texts the message had before, oldest first; none once it is deleted.
    async fn versions(&self, reader: UserId, message: MessageId) -> Result<Vec<Version>>;
    /// The pinned messages of a conversation, the last pinned first, at most `limit`. MUST answer `NotFound` to those
    /// who are not members.
    async fn pinned(&self, reader: UserId, conversation: ConversationId, limit: u16) -> Result<Vec<Message>>;
}

impl Chat {
    fn deed(&self, actor: UserId, message: MessageId) -> Deed {
        Deed { actor, message, at: self.clock.now() }
    }

    /// Replaces a message's text; for its author.
    pub async fn edit(&self, actor: UserId, message: MessageId, content: String) -> Result<Message> {
        posting::check_content(&content, &self.limits)?;
        Ok(self.store.edit(self.deed(actor, message), content).await?.into_message())
    }

    /// Deletes a message for everyone.
    pub async fn delete(&self, actor: UserId, message: MessageId) -> Result<Message> {
        Ok(self.store.delete(self.deed(actor, message)).await?.into_message())
    }

    /// Deletes a message for the actor alone.
    pub async fn hide(&self, actor: UserId, message: MessageId) -> Result<()> {
        self.store.hide(self.deed(actor, message)).await.map(drop)
    }

    /// Pins a message or takes the pin away.
    pub async fn pin(&self, actor: UserId, message: MessageId, pinned: bool) -> Result<Message> {
        Ok(self.store.pin(self.deed(actor, message), pinned).await?.into_message())
    }

    /// The texts a message had before, oldest first.
    pub async fn versions(&self, reader: UserId, message: MessageId) -> Result<Vec<Version>> {
        self.store.versions(reader, message).await
    }

    /// The pinned messages of a conversation, the last pinned first.
    pub async fn pinned(
        &self,
        reader: UserId,
        conversation: ConversationId,
        limit: u16,
    ) -> Result<Vec<Message>> {
        self.store.pinned(reader, conversation, limit).await
    }
}
