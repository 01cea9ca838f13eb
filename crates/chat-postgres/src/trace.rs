//! Statements that trace one message.

use async_trait::async_trait;
use chat_codec::row;
use chat_core::Result;
use chat_core::ids::{MessageId, Position, UserId};
use chat_core::trace::{Trace, TraceStore};

use crate::db::{Db, Params};
use crate::load::all;
use crate::{Postgres, fault, membership};

#[async_trait]
impl TraceStore for Postgres {
    async fn trace(&self, reader: UserId, message: MessageId, limit: u16) -> Result<Trace> {
        self.readers.read(move |db| db.snapshot(|db| trace(db, reader, message, limit))).await
    }
}

fn trace(db: &Db, reader: UserId, message: MessageId, limit: u16) -> fault::Result<Trace> {
    let (stored, access) = membership::to_message(db, reader, message)?;
    let row = db.row("SELECT position FROM messages WHERE id = $1", &[&message.0])?;
    let trace = Trace::of(&stored.message, access, Position(row.try_get(0)?))?;
    let sql = "SELECT user_id, delivered_seq, read_seq FROM members
               WHERE conversation_id = $1 AND joined_position <= $2 AND user_id <> $3 ORDER BY user_id LIMIT $4";
    let (sender, limit) = (stored.message.sender.0, i64::from(limit));
    let of_others: Params<'_> = &[&trace.conversation.0, &trace.position.0, &sender, &limit];
    let members = all(db, sql, of_others, |row| row::member(row, 0))?;
    Ok(Trace { members, ..trace })
}
