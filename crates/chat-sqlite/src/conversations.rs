//! Statements about conversations as their members see them, and about when users were last seen.

pub(crate) mod mentions;
pub(crate) mod own_counts;
pub(crate) mod view;

use async_trait::async_trait;
use chat_core::Result;
use chat_core::accounts::check_user;
use chat_core::conversations::{
    ConversationPage, ConversationStore, ConversationView, OwnChange, OwnChanged, Totals, for_member,
};
use chat_core::ids::{ConversationId, MessageId, Seq, UserId};
use chat_core::messages::Recipient;
use chat_core::presence::IMPLAUSIBLY_LATER_US;
use chat_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::writer::Tx;
use crate::{Sqlite, accounts, fault, load, membership, messages};

#[async_trait]
impl ConversationStore for Sqlite {
    async fn conversations(&self, user: UserId, page: ConversationPage) -> Result<Vec<ConversationView>> {
        self.readers.read(move |db| conversations(db, user, page)).await
    }

    async fn conversation(&self, user: UserId, id: ConversationId) -> Result<ConversationView> {
        self.readers
            .read(move |db| {
                let snapshot = db.unchecked_transaction()?;
                with_last_message(&snapshot, user, id)
            })
            .await
    }

    async fn totals(&self, user: UserId, now: Timestamp) -> Result<Totals> {
        self.readers.read(move |db| totals(db, user, now)).await
    }

    async fn change_own_part(
        &self,
        user: UserId,
        id: ConversationId,
        change: OwnChange,
    ) -> Result<OwnChanged> {
        self.writer.write(move |tx| change_own_part(tx, user, id, &change)).await
    }

    async fn companions(
        &self,
        viewer: UserId,
        id: ConversationId,
        limit: u16,
    ) -> Result<Vec<(UserId, Option<Timestamp>)>> {
        self.readers
            .read(move |db| {
                membership::of_member(db, viewer, id)?;
                let sql =
                    "SELECT m.user_id, s.at FROM members m LEFT JOIN last_seen s ON s.user_id = m.user_id
                           WHERE m.conversation_id = ?1 AND m.user_id <> ?2 ORDER BY m.user_id LIMIT ?3";
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map(params![id.0, viewer.0, limit], |row| {
                    Ok((UserId(row.get(0)?), row.get::<_, Option<i64>>(1)?.map(Timestamp)))
                })?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    async fn note_last_seen(&self, seen: Vec<(UserId, Timestamp)>) -> Result<()> {
        self.writer
            .write(move |tx| {
                let sql = "INSERT INTO last_seen (user_id, at) VALUES (?1, ?2)
                           ON CONFLICT DO UPDATE SET at = iif(at - excluded.at > ?3, excluded.at, max(at, excluded.at))";
                let mut statement = tx.prepare_cached(sql)?;
                for (user, at) in &seen {
                    statement.execute([user.0, at.0, IMPLAUSIBLY_LATER_US])?;
                }
                Ok(())
            })
            .await
    }

    async fn direct_with(&self, user: UserId, other: UserId) -> Result<Option<ConversationId>> {
        self.readers
            .read(move |db| {
                let found = messages::direct(db, user, other)?;
                check_user(found.is_some() || accounts::exists(db, other)?)?;
                Ok(found)
            })
            .await
    }

    async fn recipient(&self, member: UserId, id: ConversationId) -> Result<Recipient> {
        self.readers
            .read(move |db| {
                let reached = membership::in_conversation(db, member, id)?;
                Ok(for_member(reached)?.to)
            })
            .await
    }
}

fn conversations(
    db: &Connection,
    user: UserId,
    page: ConversationPage,
) -> fault::Result<Vec<ConversationView>> {
    let snapshot = db.unchecked_transaction()?;
    // Sorts by the last message that the user can see, since the client names that message to get the next page.
    let sql = "WITH mine AS MATERIALIZED (
                   SELECT me.conversation_id AS id, coalesce((
                       SELECT m.id FROM messages m INDEXED BY messages_in_order
                       WHERE m.conversation_id = me.conversation_id AND NOT EXISTS (
                           SELECT 1 FROM hidden_messages h WHERE h.user_id = ?1 AND h.message_id = m.id)
                       ORDER BY m.seq DESC LIMIT 1), 0) AS last
                   FROM members me WHERE me.user_id = ?1)
               SELECT id FROM mine WHERE (last, id) < (?2, ?3) ORDER BY last DESC, id DESC LIMIT ?4";
    let (last, id) = page.after.unwrap_or((MessageId(i64::MAX), ConversationId(i64::MAX)));
    let mut statement = snapshot.prepare_cached(sql)?;
    let ids = statement.query_map(params![user.0, last.0, id.0, page.limit], |row| row.get(0))?;
    ids.map(|id| with_last_message(&snapshot, user, ConversationId(id?))).collect()
}

fn with_last_message(db: &Connection, user: UserId, id: ConversationId) -> fault::Result<ConversationView> {
    let mut view = for_member(view::view(db, user, id)?)?;
    let sql = "SELECT m.id FROM messages m INDEXED BY messages_in_order
               WHERE m.conversation_id = ?1 AND NOT EXISTS (
                   SELECT 1 FROM hidden_messages h WHERE h.user_id = ?2 AND h.message_id = m.id)
               ORDER BY m.seq DESC LIMIT 1";
    let last =
        db.prepare_cached(sql)?.query_row([id.0, user.0], |row| row.get(0).map(MessageId)).optional()?;
    if let Some(last) = last {
        view.last_message = load::load(db, &[last], Some(user))?.pop();
    }
    Ok(view)
}

fn totals(db: &Connection, user: UserId, now: Timestamp) -> fault::Result<Totals> {
    let snapshot = db.unchecked_transaction()?;
    let sql = "SELECT c.id, me.read_seq, me.marked_unread FROM members me
               CROSS JOIN conversations c ON c.id = me.conversation_id
               WHERE me.user_id = ?1 AND (c.last_seq > me.read_seq OR me.marked_unread <> 0)
                 AND (me.muted_until IS NULL OR me.muted_until <= ?2)";
    let mut statement = snapshot.prepare_cached(sql)?;
    let rows = statement.query_map([user.0, now.0], |row| {
        Ok((ConversationId(row.get(0)?), Seq(row.get(1)?), row.get::<_, bool>(2)?))
    })?;
    let mut totals = Totals::default();
    for row in rows {
        let (id, read, marked) = row?;
        let counts = view::counts(&snapshot, user, id, read)?;
        totals.add(counts, marked);
    }
    Ok(totals)
}

fn change_own_part(
    tx: &Tx<'_>,
    user: UserId,
    id: ConversationId,
    change: &OwnChange,
) -> fault::Result<OwnChanged> {
    let sql = "UPDATE members SET marked_unread = coalesce(?3, marked_unread),
                      muted_until = CASE WHEN ?4 THEN ?5 ELSE muted_until END,
                      archived = coalesce(?6, archived), pinned = coalesce(?7, pinned), state_position = ?8
               WHERE conversation_id = ?1 AND user_id = ?2";
    let n_changed = tx.prepare_cached(sql)?.execute(params![
        id.0,
        user.0,
        change.marked_unread,
        change.muted_until.is_some(),
        change.muted_until.flatten().map(|until| until.0),
        change.archived,
        change.pinned,
        tx.position.0
    ])?;
    for_member((n_changed > 0).then_some(()))?;
    if change.draft.is_some() {
        // Most drafts replace an earlier one.
        tx.note_deletion();
    }
    match &change.draft {
        Some(Some(draft)) => {
            let sql = "INSERT INTO drafts (user_id, conversation_id, content) VALUES (?1, ?2, ?3)
                       ON CONFLICT DO UPDATE SET content = excluded.content";
            tx.prepare_cached(sql)?.execute(params![user.0, id.0, draft])?;
        }
        Some(None) => {
            let sql = "DELETE FROM drafts WHERE user_id = ?1 AND conversation_id = ?2";
            tx.prepare_cached(sql)?.execute([user.0, id.0])?;
        }
        None => {}
    }
    Ok(OwnChanged { user, view: with_last_message(tx, user, id)? })
}
