//! Statements about messages that users save for later.

use async_trait::async_trait;
use chat_core::Result;
use chat_core::command::MessageCommand;
use chat_core::ids::UserId;
use chat_core::messages::{Message, Page};
use chat_core::saved::{self, Saved, SavedStore};

use crate::load::{is_shown, select, select_messages};
use crate::writer::Tx;
use crate::{Postgres, fault, membership};

#[async_trait]
impl SavedStore for Postgres {
    async fn save(&self, command: MessageCommand, saved: bool) -> Result<Saved> {
        self.writer.write(move |tx| save(tx, command, saved)).await
    }

    async fn saved(&self, user: UserId, page: Page) -> Result<Vec<Message>> {
        self.readers
            .read(move |db| {
                let sql = select_messages!(
                    "WHERE m.id IN (
                         SELECT s.message_id FROM saved_messages s
                         JOIN messages m ON m.id = s.message_id
                         JOIN members me ON me.conversation_id = m.conversation_id AND me.user_id = $1
                         WHERE s.user_id = $1 AND s.saved AND s.message_id < $2 AND ",
                    is_shown!(),
                    "    ORDER BY s.message_id DESC LIMIT $3)
                     ORDER BY m.id DESC"
                );
                select(db, sql, &[&user.0, &page.below(), &i64::from(page.limit)], user)
            })
            .await
    }
}

fn save(tx: &Tx<'_>, command: MessageCommand, saved: bool) -> fault::Result<Saved> {
    membership::to_message(tx, command.actor, command.message)?;
    let sql = "SELECT 1 FROM saved_messages WHERE user_id = $1 AND message_id = $2 AND saved";
    let is_saved = tx.exists(sql, &[&command.actor.0, &command.message.0])?;
    let saved = saved::decide(command, is_saved, saved);
    if let Saved::Now { user, message, saved } = saved {
        let sql = "INSERT INTO saved_messages (user_id, message_id, saved, position) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (user_id, message_id)
                   DO UPDATE SET saved = excluded.saved, position = excluded.position";
        tx.execute(sql, &[&user.0, &message.0, &saved, &tx.position().0])?;
    }
    Ok(saved)
}
