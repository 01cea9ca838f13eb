//! Statements about messages that users keep for later.

use async_trait::async_trait;
use chat_core::Result;
use chat_core::command::MessageCommand;
use chat_core::ids::UserId;
use chat_core::messages::{Message, Page};
use chat_core::saved::{self, Saved, SavedStore};
use rusqlite::{OptionalExtension, params};

use crate::load::{is_shown, select, select_messages};
use crate::writer::Tx;
use crate::{Sqlite, fault, membership};

#[async_trait]
impl SavedStore for Sqlite {
    async fn save(&self, command: MessageCommand, saved: bool) -> Result<Saved> {
        self.writer.write(move |tx| save(tx, command, saved)).await
    }

    async fn saved(&self, user: UserId, page: Page) -> Result<Vec<Message>> {
        self.readers
            .snapshot(move |db| {
                // CROSS JOIN keeps SQLite to the user's saved messages, from the newest on.
                let sql = select_messages!(
                    "WHERE m.id IN (
                         SELECT s.message_id FROM saved_messages s
                         CROSS JOIN messages m ON m.id = s.message_id
                         CROSS JOIN members me ON me.conversation_id = m.conversation_id AND me.user_id = ?1
                         WHERE s.user_id = ?1 AND s.saved = 1 AND s.message_id < ?2 AND ",
                    is_shown!(),
                    "    ORDER BY s.message_id DESC LIMIT ?3)
                     ORDER BY m.id DESC"
                );
                select(db, sql, params![user.0, page.below(), page.limit], user)
            })
            .await
    }
}

fn save(tx: &Tx<'_>, command: MessageCommand, saved: bool) -> fault::Result<Saved> {
    membership::to_message(tx, command.actor, command.message)?;
    let sql = "SELECT saved FROM saved_messages WHERE user_id = ?1 AND message_id = ?2";
    let found = tx.prepare_cached(sql)?.query_row([command.actor.0, command.message.0], |row| row.get(0));
    let saved = saved::decide(command, found.optional()?.unwrap_or(false), saved);
    if let Saved::Now { user, message, saved } = saved {
        let sql = "INSERT INTO saved_messages (user_id, message_id, saved, position) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (user_id, message_id)
                   DO UPDATE SET saved = excluded.saved, position = excluded.position";
        tx.prepare_cached(sql)?.execute(params![user.0, message.0, saved, tx.position.0])?;
    }
    Ok(saved)
}
