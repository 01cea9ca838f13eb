//! Statements about messages that users keep for later.

use async_trait::async_trait;
use chat_core::edits::Deed;
use chat_core::ids::UserId;
use chat_core::messages::{Message, Page};
use chat_core::saved::{Saved, SavedStore};
use chat_core::{Error, Result};

use crate::Sqlite;

#[async_trait]
impl SavedStore for Sqlite {
    async fn save(&self, _deed: Deed, _saved: bool) -> Result<Saved> {
        Err(Error::internal("not built yet"))
    }

    async fn saved(&self, _user: UserId, _page: Page) -> Result<Vec<Message>> {
        Err(Error::internal("not built yet"))
    }
}
