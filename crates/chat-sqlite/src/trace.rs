//! Statements about the delivery trace of one message.

use async_trait::async_trait;
use chat_codec::row;
use chat_core::Result;
use chat_core::ids::{MessageId, Position, UserId};
use chat_core::trace::{Trace, TraceStore};
use rusqlite::{Connection, params};

use crate::load::all;
use crate::{Sqlite, fault, membership};

#[async_trait]
impl TraceStore for Sqlite {
    async fn trace(&self, reader: UserId, message: MessageId, limit: u16) -> Result<Trace> {
        self.readers.snapshot(move |db| trace(db, reader, message, limit)).await
    }
}

fn trace(db: &Connection, reader: UserId, message: MessageId, limit: u16) -> fault::Result<Trace> {
    let (stored, access) = membership::to_message(db, reader, message)?;
    let sql = "SELECT position FROM messages WHERE id = ?1";
    let position = db.prepare_cached(sql)?.query_row([message.0], |row| row.get(0))?;
    let trace = Trace::of(&stored.message, access, Position(position))?;
    let sql = "SELECT user_id, delivered_seq, read_seq FROM members
               WHERE conversation_id = ?1 AND joined_position <= ?2 AND user_id <> ?3 ORDER BY user_id LIMIT ?4";
    let of_others = params![trace.conversation.0, position, stored.message.sender.0, limit];
    let members = all(db, sql, of_others, |row| row::member(row, 0))?;
    Ok(Trace { members, ..trace })
}
