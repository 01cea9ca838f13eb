//! Statements about reactions.

use async_trait::async_trait;
use chat_core::edits::Deed;
use chat_core::ids::{MessageId, UserId};
use chat_core::messages::Changed;
use chat_core::reactions::{ReactionStore, Reactor};
use chat_core::{Error, Result};

use crate::Sqlite;

#[async_trait]
impl ReactionStore for Sqlite {
    async fn react(&self, _deed: Deed, _emoji: String, _present: bool) -> Result<Changed> {
        Err(Error::internal("not built yet"))
    }

    async fn reactors(&self, _reader: UserId, _message: MessageId) -> Result<Vec<Reactor>> {
        Err(Error::internal("not built yet"))
    }
}
