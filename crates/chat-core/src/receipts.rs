//! How far each member's clients have come in a conversation. Pointers only grow; a message's status derives from
//! them (contract part 2, "The model"), so there is no row per recipient per message.

use async_trait::async_trait;

use crate::Chat;
use crate::error::Result;
use crate::ids::{ConversationId, Seq, UserId};

/// A client of `user` has everything of `conversation` up to and including `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// Whose client it is.
    pub user: UserId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// The last message it has.
    pub seq: Seq,
}

/// A member's pointers in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pointers {
    /// The last message that a client of the member has confirmed.
    pub delivered: Seq,
    /// The last message that the member has read.
    pub read: Seq,
}

/// The durable side of receipts.
#[async_trait]
pub trait ReceiptStore: Send + Sync + 'static {
    /// MUST move each pointer forward only, never past the conversation's last `seq`, ignore those who are not
    /// members, and do all of it in one transaction.
    async fn mark_delivered(&self, receipts: Vec<Delivered>) -> Result<()>;
}

impl Chat {
    /// Records what clients have confirmed.
    pub async fn confirm_delivered(&self, receipts: Vec<Delivered>) -> Result<()> {
        if receipts.is_empty() {
            return Ok(());
        }
        self.store.mark_delivered(receipts).await
    }
}
