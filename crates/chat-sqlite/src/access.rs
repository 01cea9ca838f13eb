//! Statements about tokens that are worth nothing any more.

use async_trait::async_trait;
use chat_core::access::{AccessStore, Ended};
use chat_core::{Error, Result};

use crate::Sqlite;

#[async_trait]
impl AccessStore for Sqlite {
    async fn revoke(&self, _ended: Ended) -> Result<Ended> {
        Err(Error::internal("not built yet"))
    }

    async fn change_password(&self, _ended: Ended, _old: String, _new: String) -> Result<Ended> {
        Err(Error::internal("not built yet"))
    }

    async fn revocations(&self, _now: i64) -> Result<Vec<Ended>> {
        Err(Error::internal("not built yet"))
    }
}
