//! Statements about the way of one message.

use async_trait::async_trait;
use chat_core::Result;
use chat_core::ids::{MessageId, Position, Seq, UserId};
use chat_core::policy::{Action, allowed};
use chat_core::receipts::Pointers;
use chat_core::trace::{Trace, TraceStore};
use rusqlite::{Connection, params};

use crate::{Sqlite, fault, membership};

#[async_trait]
impl TraceStore for Sqlite {
    async fn trace(&self, reader: UserId, message: MessageId, limit: u16) -> Result<Trace> {
        self.readers.read(move |db| trace(&*db.unchecked_transaction()?, reader, message, limit)).await
    }
}

fn trace(db: &Connection, reader: UserId, message: MessageId, limit: u16) -> fault::Result<Trace> {
    let (stored, access) = membership::to_message(db, reader, message)?;
    allowed(access, Action::Trace)?;
    let message = stored.message;
    let sql = "SELECT position FROM messages WHERE id = ?1";
    let position: i64 = db.prepare_cached(sql)?.query_row([message.id.0], |row| row.get(0))?;
    let sql = "SELECT user_id, delivered_seq, read_seq FROM members
               WHERE conversation_id = ?1 AND joined_position <= ?2 AND user_id <> ?3 ORDER BY user_id LIMIT ?4";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement
        .query_map(params![message.conversation.0, position, message.sender.0, limit], |row| {
            Ok((UserId(row.get(0)?), Pointers { delivered: Seq(row.get(1)?), read: Seq(row.get(2)?) }))
        })?;
    Ok(Trace {
        message: message.id,
        conversation: message.conversation,
        seq: message.seq,
        position: Position(position),
        accepted_at: message.sent_at,
        members: rows.collect::<rusqlite::Result<_>>()?,
    })
}
