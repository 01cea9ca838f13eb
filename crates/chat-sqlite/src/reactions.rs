//! Statements about reactions.

use async_trait::async_trait;
use chat_core::changes::{Changed, MessageEvent};
use chat_core::edits::Deed;
use chat_core::ids::{MessageId, UserId};
use chat_core::policy::{Action, allowed};
use chat_core::posting::deleted;
use chat_core::reactions::{MAX_KINDS, MAX_REACTIONS, ReactionStore, Reactor};
use chat_core::time::Timestamp;
use chat_core::{Error, Result};
use rusqlite::{Connection, params};

use crate::load::Stored;
use crate::writer::Tx;
use crate::{Sqlite, fault, in_place, membership};

#[async_trait]
impl ReactionStore for Sqlite {
    async fn react(&self, deed: Deed, emoji: String, present: bool) -> Result<Changed> {
        self.writer.write(move |tx| react(tx, deed, &emoji, present)).await
    }

    async fn reactors(&self, reader: UserId, message: MessageId) -> Result<Vec<Reactor>> {
        self.readers
            .read(move |db| {
                let snapshot = db.unchecked_transaction()?;
                membership::shown(&snapshot, reader, message)?;
                reactors(&snapshot, message)
            })
            .await
    }
}

fn react(tx: &Tx<'_>, deed: Deed, emoji: &str, present: bool) -> fault::Result<Changed> {
    let (stored, access) = membership::to_message(tx, deed.actor, deed.message)?;
    allowed(access, Action::React)?;
    if stored.message.deleted_at.is_some() {
        return Err(deleted().into());
    }
    let sql = "SELECT 1 FROM reactions WHERE message_id = ?1 AND emoji = ?2 AND user_id = ?3";
    if tx.prepare_cached(sql)?.exists(params![deed.message.0, emoji, deed.actor.0])? == present {
        return in_place::already(tx, stored, deed.actor);
    }
    if present {
        check_bounds(tx, &stored, emoji)?;
    }
    let rev = in_place::count(tx, &stored.message, MessageEvent::Reaction)?;
    if present {
        let sql =
            "INSERT INTO reactions (message_id, emoji, user_id, at, position) VALUES (?1, ?2, ?3, ?4, ?5)";
        let row = params![deed.message.0, emoji, deed.actor.0, deed.at.0, tx.position.0];
        tx.prepare_cached(sql)?.execute(row)?;
    } else {
        let sql = "DELETE FROM reactions WHERE message_id = ?1 AND emoji = ?2 AND user_id = ?3";
        tx.prepare_cached(sql)?.execute(params![deed.message.0, emoji, deed.actor.0])?;
        tx.forgets();
    }
    let step = if present { 1 } else { -1 };
    let sql = "UPDATE messages SET n_reactions = n_reactions + ?2, rev = ?3 WHERE id = ?1";
    tx.prepare_cached(sql)?.execute([deed.message.0, step, rev.0])?;
    in_place::changed(tx, deed.message, MessageEvent::Reaction)
}

fn check_bounds(db: &Connection, stored: &Stored, emoji: &str) -> fault::Result<()> {
    let full = |what| Err(Error::conflict("too_many_reactions", what).into());
    if stored.n_reactions >= MAX_REACTIONS {
        return full(format!("This message has {MAX_REACTIONS} reactions, the maximum"));
    }
    let message = stored.message.id;
    let sql = "SELECT 1 FROM reactions WHERE message_id = ?1 AND emoji = ?2";
    if db.prepare_cached(sql)?.exists(params![message.0, emoji])? {
        return Ok(());
    }
    let sql = "SELECT count(DISTINCT emoji) FROM reactions WHERE message_id = ?1";
    let kinds: u32 = db.prepare_cached(sql)?.query_row([message.0], |row| row.get(0))?;
    if usize::try_from(kinds).unwrap_or(usize::MAX) >= MAX_KINDS {
        return full(format!("This message has {MAX_KINDS} different emoji; use one of them"));
    }
    Ok(())
}

fn reactors(db: &Connection, message: MessageId) -> fault::Result<Vec<Reactor>> {
    let sql = "SELECT user_id, emoji, at FROM reactions WHERE message_id = ?1 ORDER BY position LIMIT ?2";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![message.0, MAX_REACTIONS], |row| {
        Ok(Reactor { user: UserId(row.get(0)?), emoji: row.get(1)?, at: Timestamp(row.get(2)?) })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
