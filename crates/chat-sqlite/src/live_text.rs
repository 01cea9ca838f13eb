//! Statements about messages that grow while they are written.

use async_trait::async_trait;
use chat_core::edits::Deed;
use chat_core::live_text::{Appended, Ending, LiveTextStore, Piece};
use chat_core::messages::Changed;
use chat_core::{Error, Result};

use crate::Sqlite;

#[async_trait]
impl LiveTextStore for Sqlite {
    async fn append(&self, _deed: Deed, _piece: Piece, _max_bytes: usize) -> Result<Appended> {
        Err(Error::internal("not built yet"))
    }

    async fn finish(&self, _deed: Deed, _ending: Ending) -> Result<Changed> {
        Err(Error::internal("not built yet"))
    }
}
