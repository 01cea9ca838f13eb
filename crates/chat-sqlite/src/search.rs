//! Searching messages.

use async_trait::async_trait;
use chat_core::ids::UserId;
use chat_core::messages::Message;
use chat_core::search::{Search, SearchStore};
use chat_core::{Error, Result};

use crate::Sqlite;

#[async_trait]
impl SearchStore for Sqlite {
    async fn search(&self, _reader: UserId, _search: Search) -> Result<Vec<Message>> {
        Err(Error::internal("not built yet"))
    }
}
