//! Statements that find the place of a moment in a conversation. Reading messages is in `messages.rs`.

use async_trait::async_trait;
use chat_core::Result;
use chat_core::dates::{self, DatePage, DateStore};
use chat_core::ids::{ConversationId, Seq, UserId};
use chat_core::messages::Message;
use chat_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use crate::messages::read_range;
use crate::{Sqlite, membership};

#[async_trait]
impl DateStore for Sqlite {
    async fn read_around(
        &self,
        reader: UserId,
        conversation: ConversationId,
        page: DatePage,
    ) -> Result<Vec<Message>> {
        self.readers
            .snapshot(move |db| {
                membership::of_member(db, reader, conversation)?;
                let place = place_of(db, conversation, page.at)?;
                page.read(place, |range| read_range(db, reader, conversation, range))
            })
            .await
    }
}

fn place_of(db: &Connection, conversation: ConversationId, at: Timestamp) -> rusqlite::Result<Seq> {
    let last = db
        .prepare_cached("SELECT last_seq FROM conversations WHERE id = ?1")?
        .query_row([conversation.0], |row| row.get(0).map(Seq))?;
    let mut statement = db.prepare_cached(
        "SELECT seq, sent_at FROM messages WHERE conversation_id = ?1 AND seq >= ?2 ORDER BY seq LIMIT 1",
    )?;
    dates::place_of(at, last, |seq| {
        let found = statement
            .query_row([conversation.0, seq.0], |row| Ok((row.get(0).map(Seq)?, row.get(1).map(Timestamp)?)));
        found.optional()
    })
}
