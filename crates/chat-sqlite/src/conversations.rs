//! Statements about conversations as their members see them.

pub(crate) mod view;

use async_trait::async_trait;
use chat_core::conversations::{
    ConversationPage, ConversationStore, ConversationView, OwnChange, OwnChanged, Totals,
};
use chat_core::ids::{ConversationId, UserId};
use chat_core::messages::Recipient;
use chat_core::time::Timestamp;
use chat_core::{Error, Result};

use crate::Sqlite;

#[async_trait]
impl ConversationStore for Sqlite {
    async fn conversations(&self, _user: UserId, _page: ConversationPage) -> Result<Vec<ConversationView>> {
        Err(Error::internal("not built yet"))
    }

    async fn conversation(&self, _user: UserId, _id: ConversationId) -> Result<ConversationView> {
        Err(Error::internal("not built yet"))
    }

    async fn totals(&self, _user: UserId, _now: Timestamp) -> Result<Totals> {
        Err(Error::internal("not built yet"))
    }

    async fn change_own_part(
        &self,
        _user: UserId,
        _id: ConversationId,
        _change: OwnChange,
    ) -> Result<OwnChanged> {
        Err(Error::internal("not built yet"))
    }

    async fn companions(
        &self,
        _viewer: UserId,
        _id: ConversationId,
        _limit: u16,
    ) -> Result<Vec<(UserId, Option<Timestamp>)>> {
        Err(Error::internal("not built yet"))
    }

    async fn note_last_seen(&self, _seen: Vec<(UserId, Timestamp)>) -> Result<()> {
        Err(Error::internal("not built yet"))
    }

    async fn direct_with(&self, _user: UserId, _other: UserId) -> Result<Option<ConversationId>> {
        Err(Error::internal("not built yet"))
    }

    async fn recipient(&self, _member: UserId, _id: ConversationId) -> Result<Recipient> {
        Err(Error::internal("not built yet"))
    }
}
