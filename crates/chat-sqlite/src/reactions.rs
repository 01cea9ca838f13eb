//! Statements about reactions.

use async_trait::async_trait;
use chat_codec::row;
use chat_core::Result;
use chat_core::changes::{Changed, MessageEvent};
use chat_core::command::MessageCommand;
use chat_core::ids::{MessageId, UserId};
use chat_core::reactions::{self, MAX_REACTIONS, ReactionStore, Reactor, Under};
use rusqlite::{Connection, params};

use crate::load::{Stored, all};
use crate::writer::Tx;
use crate::{Sqlite, fault, in_place, membership};

#[async_trait]
impl ReactionStore for Sqlite {
    async fn react(&self, command: MessageCommand, emoji: String, present: bool) -> Result<Changed> {
        self.writer.write(move |tx| react(tx, command, &emoji, present)).await
    }

    async fn reactors(&self, reader: UserId, message: MessageId) -> Result<Vec<Reactor>> {
        self.readers
            .snapshot(move |db| {
                membership::shown(db, reader, message)?;
                reactors(db, message)
            })
            .await
    }
}

fn react(tx: &Tx<'_>, command: MessageCommand, emoji: &str, present: bool) -> fault::Result<Changed> {
    in_place::change(
        tx,
        (command, MessageEvent::Reaction),
        |stored, access| {
            let under = under(tx, stored, (emoji, command), present)?;
            Ok(reactions::decide(&stored.message, access, under, present)?)
        },
        |message, rev, ()| {
            if present {
                let sql = "INSERT INTO reactions (message_id, emoji, user_id, at, position)
                           VALUES (?1, ?2, ?3, ?4, ?5)";
                let row = params![message.id.0, emoji, command.actor.0, command.at.0, tx.position.0];
                tx.prepare_cached(sql)?.execute(row)?;
            } else {
                let sql = "DELETE FROM reactions WHERE message_id = ?1 AND emoji = ?2 AND user_id = ?3";
                tx.prepare_cached(sql)?.execute(params![message.id.0, emoji, command.actor.0])?;
                tx.note_deletion();
            }
            let step = if present { 1 } else { -1 };
            let sql = "UPDATE messages SET n_reactions = n_reactions + ?2, rev = ?3 WHERE id = ?1";
            tx.prepare_cached(sql)?.execute([message.id.0, step, rev.0])?;
            Ok(())
        },
    )
}

/// Reactions to a message, as far as the decision needs them for this user and emoji.
fn under(
    db: &Connection,
    stored: &Stored,
    (emoji, command): (&str, MessageCommand),
    present: bool,
) -> rusqlite::Result<Under> {
    // Counts only for a new emoji, where the number may be the reason to refuse.
    let may_add = present && stored.n_reactions < MAX_REACTIONS;
    let sql = "SELECT EXISTS (SELECT 1 FROM reactions WHERE message_id = ?1 AND emoji = ?2 AND user_id = ?3),
                      CASE WHEN ?4 AND NOT EXISTS (SELECT 1 FROM reactions WHERE message_id = ?1 AND emoji = ?2)
                           THEN (SELECT count(DISTINCT emoji) FROM reactions WHERE message_id = ?1) END";
    db.prepare_cached(sql)?.query_row(params![command.message.0, emoji, command.actor.0, may_add], |row| {
        Ok(Under { n_reactions: stored.n_reactions, is_present: row.get(0)?, n_other_kinds: row.get(1)? })
    })
}

fn reactors(db: &Connection, message: MessageId) -> fault::Result<Vec<Reactor>> {
    let sql = "SELECT user_id, emoji, at FROM reactions WHERE message_id = ?1 ORDER BY position LIMIT ?2";
    Ok(all(db, sql, params![message.0, MAX_REACTIONS], |row| row::reactor(row))?)
}
