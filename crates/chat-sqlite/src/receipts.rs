//! Statements about members' pointers.

use async_trait::async_trait;
use chat_core::Result;
use chat_core::ids::{ConversationId, Seq, UserId};
use chat_core::receipts::{Delivered, Pointers, ReceiptStore};
use rusqlite::{Connection, OptionalExtension};

use crate::Sqlite;

#[async_trait]
impl ReceiptStore for Sqlite {
    async fn mark_delivered(&self, receipts: Vec<Delivered>) -> Result<()> {
        self.writer
            .write(move |tx| {
                let sql = "UPDATE members SET delivered_seq =
                               min(?3, (SELECT last_seq FROM conversations WHERE id = ?1))
                           WHERE conversation_id = ?1 AND user_id = ?2 AND delivered_seq < ?3";
                let mut statement = tx.prepare_cached(sql)?;
                for Delivered { user, conversation, seq } in &receipts {
                    statement.execute([conversation.0, user.0, seq.0])?;
                }
                Ok(())
            })
            .await
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
