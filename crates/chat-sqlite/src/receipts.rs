//! Statements about members' pointers.

use async_trait::async_trait;
use chat_core::Error;
use chat_core::Result;
use chat_core::ids::{ConversationId, MessageId, Seq, UserId};
use chat_core::receipts::{Delivered, Moved, Pointers, ReceiptStore, ThreadView};
use rusqlite::{Connection, OptionalExtension};

use crate::Sqlite;

#[async_trait]
impl ReceiptStore for Sqlite {
    async fn mark_delivered(&self, _receipts: Vec<Delivered>) -> Result<Moved> {
        Err(Error::internal("not built yet"))
    }

    async fn move_pointers(&self, _user: UserId, _id: ConversationId, _to: Pointers) -> Result<Moved> {
        Err(Error::internal("not built yet"))
    }

    async fn receipts(
        &self,
        _reader: UserId,
        _conversation: ConversationId,
        _after: UserId,
        _limit: u16,
    ) -> Result<Vec<(UserId, Pointers)>> {
        Err(Error::internal("not built yet"))
    }

    async fn thread(&self, _reader: UserId, _root: MessageId) -> Result<ThreadView> {
        Err(Error::internal("not built yet"))
    }

    async fn read_thread(&self, _reader: UserId, _root: MessageId, _seq: Seq) -> Result<()> {
        Err(Error::internal("not built yet"))
    }
}

/// A member's pointers; both at 0 for somebody who is none.
pub(crate) fn pointers(
    db: &Connection,
    conversation: ConversationId,
    user: UserId,
) -> rusqlite::Result<Pointers> {
    let sql = "SELECT delivered_seq, read_seq FROM members WHERE conversation_id = ?1 AND user_id = ?2";
    let found = db.prepare_cached(sql)?.query_row([conversation.0, user.0], |row| {
        Ok(Pointers { delivered: Seq(row.get(0)?), read: Seq(row.get(1)?) })
    });
    Ok(found.optional()?.unwrap_or_default())
}
