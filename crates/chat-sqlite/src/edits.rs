//! Statements that change a message after it was sent.

use async_trait::async_trait;
use chat_core::edits::{Deed, EditStore, Hidden, Version};
use chat_core::ids::{ConversationId, MessageId, UserId};
use chat_core::messages::{Changed, Message};
use chat_core::{Error, Result};

use crate::Sqlite;

#[async_trait]
impl EditStore for Sqlite {
    async fn edit(&self, _deed: Deed, _content: String) -> Result<Changed> {
        Err(Error::internal("not built yet"))
    }

    async fn delete(&self, _deed: Deed) -> Result<Changed> {
        Err(Error::internal("not built yet"))
    }

    async fn hide(&self, _deed: Deed) -> Result<Hidden> {
        Err(Error::internal("not built yet"))
    }

    async fn pin(&self, _deed: Deed, _pinned: bool) -> Result<Changed> {
        Err(Error::internal("not built yet"))
    }

    async fn versions(&self, _reader: UserId, _message: MessageId) -> Result<Vec<Version>> {
        Err(Error::internal("not built yet"))
    }

    async fn pinned(
        &self,
        _reader: UserId,
        _conversation: ConversationId,
        _limit: u16,
    ) -> Result<Vec<Message>> {
        Err(Error::internal("not built yet"))
    }
}
