//! Statements about the way of one message.

use async_trait::async_trait;
use chat_core::Result;
use chat_core::ids::{MessageId, Position, Seq, UserId};
use chat_core::policy::{Action, allowed};
use chat_core::receipts::Pointers;
use chat_core::trace::{Trace, TraceStore};
use tokio_postgres::Row;

use crate::db::Db;
use crate::{Postgres, fault, membership};

#[async_trait]
impl TraceStore for Postgres {
    async fn trace(&self, reader: UserId, message: MessageId, limit: u16) -> Result<Trace> {
        self.readers.read(move |db| db.snapshot(|db| trace(db, reader, message, limit))).await
    }
}

fn trace(db: &Db, reader: UserId, message: MessageId, limit: u16) -> fault::Result<Trace> {
    let (stored, access) = membership::to_message(db, reader, message)?;
    allowed(access, Action::Trace)?;
    let message = stored.message;
    let position: i64 =
        db.row("SELECT position FROM messages WHERE id = $1", &[&message.id.0])?.try_get(0)?;
    let sql = "SELECT user_id, delivered_seq, read_seq FROM members
               WHERE conversation_id = $1 AND joined_position <= $2 AND user_id <> $3 ORDER BY user_id LIMIT $4";
    let rows = db.rows(sql, &[&message.conversation.0, &position, &message.sender.0, &i64::from(limit)])?;
    let member = |row: &Row| {
        let pointers = Pointers { delivered: Seq(row.try_get(1)?), read: Seq(row.try_get(2)?) };
        Ok((UserId(row.try_get(0)?), pointers))
    };
    Ok(Trace {
        message: message.id,
        conversation: message.conversation,
        seq: message.seq,
        position: Position(position),
        accepted_at: message.sent_at,
        members: rows.iter().map(member).collect::<fault::Result<_>>()?,
    })
}
