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
use tokio_postgres::Row;

use crate::db::{Db, Params};
use crate::load::{Stored, count};
use crate::writer::Tx;
use crate::{Postgres, fault, in_place, membership};

#[async_trait]
impl ReactionStore for Postgres {
    async fn react(&self, deed: Deed, emoji: String, present: bool) -> Result<Changed> {
        self.writer.write(move |tx| react(tx, deed, &emoji, present)).await
    }

    async fn reactors(&self, reader: UserId, message: MessageId) -> Result<Vec<Reactor>> {
        self.readers
            .read(move |db| {
                membership::shown(db, reader, message)?;
                reactors(db, message)
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
    let sql = "SELECT 1 FROM reactions WHERE message_id = $1 AND emoji = $2 AND user_id = $3";
    if tx.exists(sql, &[&deed.message.0, &emoji, &deed.actor.0])? == present {
        return in_place::already(tx, stored, deed.actor);
    }
    if present {
        check_bounds(tx, &stored, emoji)?;
    }
    let rev = in_place::count(tx, &stored.message, MessageEvent::Reaction)?;
    if present {
        let sql =
            "INSERT INTO reactions (message_id, emoji, user_id, at, position) VALUES ($1, $2, $3, $4, $5)";
        let row: Params<'_> = &[&deed.message.0, &emoji, &deed.actor.0, &deed.at.0, &tx.position().0];
        tx.execute(sql, row)?;
    } else {
        let sql = "DELETE FROM reactions WHERE message_id = $1 AND emoji = $2 AND user_id = $3";
        tx.execute(sql, &[&deed.message.0, &emoji, &deed.actor.0])?;
    }
    let step: i64 = if present { 1 } else { -1 };
    let sql = "UPDATE messages SET n_reactions = n_reactions + $2, rev = $3 WHERE id = $1";
    tx.execute(sql, &[&deed.message.0, &step, &rev.0])?;
    in_place::changed(tx, deed.message, MessageEvent::Reaction)
}

fn check_bounds(db: &Db, stored: &Stored, emoji: &str) -> fault::Result<()> {
    let full = |what| Err(Error::conflict("too_many_reactions", what).into());
    if stored.n_reactions >= MAX_REACTIONS {
        return full(format!("This message has {MAX_REACTIONS} reactions, the maximum"));
    }
    let message = stored.message.id;
    let sql = "SELECT 1 FROM reactions WHERE message_id = $1 AND emoji = $2";
    if db.exists(sql, &[&message.0, &emoji])? {
        return Ok(());
    }
    let sql = "SELECT count(DISTINCT emoji) FROM reactions WHERE message_id = $1";
    let kinds = count(&db.row(sql, &[&message.0])?, 0)?;
    if usize::try_from(kinds).unwrap_or(usize::MAX) >= MAX_KINDS {
        return full(format!("This message has {MAX_KINDS} different emoji; use one of them"));
    }
    Ok(())
}

fn reactors(db: &Db, message: MessageId) -> fault::Result<Vec<Reactor>> {
    let sql = "SELECT user_id, emoji, at FROM reactions WHERE message_id = $1 ORDER BY position LIMIT $2";
    let rows = db.rows(sql, &[&message.0, &i64::from(MAX_REACTIONS)])?;
    let reactor = |row: &Row| {
        Ok(Reactor { user: UserId(row.try_get(0)?), emoji: row.try_get(1)?, at: Timestamp(row.try_get(2)?) })
    };
    rows.iter().map(reactor).collect()
}
