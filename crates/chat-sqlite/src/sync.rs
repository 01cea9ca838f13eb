//! Statements that find what changed since a place in the log.

use async_trait::async_trait;
use chat_core::ids::{Position, UserId};
use chat_core::sync::{Changes, Cursor, SyncStore};
use chat_core::{Error, Result};

use crate::Sqlite;

#[async_trait]
impl SyncStore for Sqlite {
    async fn log_end(&self) -> Result<Cursor> {
        Err(Error::internal("not built yet"))
    }

    async fn changes(&self, _user: UserId, _after: Position, _limit: u16) -> Result<Changes> {
        Err(Error::internal("not built yet"))
    }
}
