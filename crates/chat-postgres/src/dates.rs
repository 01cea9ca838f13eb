//! Statements that find the place of a moment in a conversation. Reading messages is in `messages.rs`.

use async_trait::async_trait;
use chat_core::Result;
use chat_core::dates::{self, DatePage, DateStore};
use chat_core::ids::{ConversationId, Seq, UserId};
use chat_core::messages::Message;
use chat_core::time::Timestamp;

use crate::db::Db;
use crate::messages::read_range;
use crate::{Postgres, fault, membership};

#[async_trait]
impl DateStore for Postgres {
    async fn read_around(
        &self,
        reader: UserId,
        conversation: ConversationId,
        page: DatePage,
    ) -> Result<Vec<Message>> {
        self.readers
            .read(move |db| {
                db.snapshot(|db| {
                    membership::of_member(db, reader, conversation)?;
                    let place = place_of(db, conversation, page.at)?;
                    page.read(place, |range| read_range(db, reader, conversation, range))
                })
            })
            .await
    }
}

fn place_of(db: &Db, conversation: ConversationId, at: Timestamp) -> fault::Result<Seq> {
    let sql = "SELECT last_seq FROM conversations WHERE id = $1";
    let last = db.row(sql, &[&conversation.0])?.try_get(0).map(Seq)?;
    let sql =
        "SELECT seq, sent_at FROM messages WHERE conversation_id = $1 AND seq >= $2 ORDER BY seq LIMIT 1";
    dates::place_of(at, last, |seq| {
        let found = db.opt(sql, &[&conversation.0, &seq.0])?;
        Ok(found
            .map(|row| {
                Ok::<_, tokio_postgres::Error>((row.try_get(0).map(Seq)?, row.try_get(1).map(Timestamp)?))
            })
            .transpose()?)
    })
}
