//! Statements about conversations as their members see them, and about when users were last seen.

pub(crate) mod view;

use std::collections::HashMap;

use async_trait::async_trait;
use chat_core::Result;
use chat_core::accounts::check_user;
use chat_core::conversations::{
    ConversationPage, ConversationStore, ConversationView, OwnChange, OwnChanged, Totals, for_member,
};
use chat_core::ids::{ConversationId, MessageId, UserId};
use chat_core::messages::{Message, Recipient};
use chat_core::presence::IMPLAUSIBLY_LATER_US;
use chat_core::time::Timestamp;

use crate::db::Db;
use crate::load::{self, is_shown, select_messages};
use crate::writer::Tx;
use crate::{Postgres, accounts, fault, membership, messages};

#[async_trait]
impl ConversationStore for Postgres {
    async fn conversations(&self, user: UserId, page: ConversationPage) -> Result<Vec<ConversationView>> {
        self.readers.read(move |db| db.snapshot(|db| conversations(db, user, page))).await
    }

    async fn conversation(&self, user: UserId, id: ConversationId) -> Result<ConversationView> {
        self.readers.read(move |db| db.snapshot(|db| with_last_message(db, user, id))).await
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
        self.readers.read(move |db| companions(db, viewer, id, limit)).await
    }

    async fn note_last_seen(&self, seen: Vec<(UserId, Timestamp)>) -> Result<()> {
        let (users, times): (Vec<i64>, Vec<i64>) = seen.into_iter().map(|(user, at)| (user.0, at.0)).unzip();
        self.writer
            .write(move |tx| {
                // One statement may not change the same row twice.
                let sql = "INSERT INTO last_seen AS l (user_id, at)
                           SELECT s.user_id, max(s.at) FROM UNNEST($1::bigint[], $2::bigint[]) AS s (user_id, at)
                           GROUP BY s.user_id
                           ON CONFLICT (user_id) DO UPDATE SET at = CASE
                               WHEN l.at - excluded.at > $3 THEN excluded.at ELSE greatest(l.at, excluded.at) END";
                tx.execute(sql, &[&users, &times, &IMPLAUSIBLY_LATER_US]).map(drop)
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
        self.readers.read(move |db| Ok(for_member(membership::in_conversation(db, member, id)?)?.to)).await
    }
}

fn conversations(db: &Db, user: UserId, page: ConversationPage) -> fault::Result<Vec<ConversationView>> {
    // "Last" is the last message that the user sees, because a client names it to get the next page. Without
    // OFFSET, PostgreSQL would look it up once for each mention of it.
    let sql = "SELECT id, last FROM (
                   SELECT me.conversation_id AS id, coalesce((
                       SELECT m.id FROM messages m
                       WHERE m.conversation_id = me.conversation_id AND NOT EXISTS (
                           SELECT 1 FROM hidden_messages h WHERE h.user_id = $1 AND h.message_id = m.id)
                       ORDER BY m.seq DESC LIMIT 1), 0) AS last
                   FROM members me WHERE me.user_id = $1 OFFSET 0) AS mine
               WHERE (last, id) < ($2, $3) ORDER BY last DESC, id DESC LIMIT $4";
    let (last, id) = page.after.unwrap_or((MessageId(i64::MAX), ConversationId(i64::MAX)));
    let rows = db.rows(sql, &[&user.0, &last.0, &id.0, &i64::from(page.limit)])?;
    let mut ids = Vec::with_capacity(rows.len());
    let mut last = Vec::with_capacity(rows.len());
    for row in rows {
        ids.push(ConversationId(row.try_get(0)?));
        last.push(MessageId(row.try_get(1)?));
    }
    let mut views = view::views(db, user, &ids)?;
    let messages = load::load(db, &last, Some(user))?;
    let mut messages: HashMap<ConversationId, Message> =
        messages.into_iter().map(|message| (message.conversation, message)).collect();
    for view in &mut views {
        view.last_message = messages.remove(&view.conversation.id);
    }
    Ok(views)
}

fn with_last_message(db: &Db, user: UserId, id: ConversationId) -> fault::Result<ConversationView> {
    let view = for_member(view::view(db, user, id)?)?;
    let sql =
        select_messages!("WHERE m.conversation_id = $2 AND ", is_shown!(), " ORDER BY m.seq DESC LIMIT 1");
    let last_message = load::select(db, sql, &[&user.0, &id.0], user)?.pop();
    Ok(ConversationView { last_message, ..view })
}

fn totals(db: &Db, user: UserId, now: Timestamp) -> fault::Result<Totals> {
    let sql = concat!(
        "SELECT me.marked_unread, ",
        view::select_counts!(),
        "FROM members me ",
        view::join_unread!(),
        "WHERE me.user_id = $1 AND (unread_after.last_seq > me.read_seq OR me.marked_unread)
             AND (me.muted_until IS NULL OR me.muted_until <= $2)"
    );
    let mut totals = Totals::default();
    for row in db.rows(sql, &[&user.0, &now.0])? {
        let (marked, counts): (bool, _) = (row.try_get(0)?, view::read_counted(&row, 1)?.counts);
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
    membership::of_member(tx, user, id)?;
    let sql = "UPDATE members SET marked_unread = coalesce($3, marked_unread),
                      muted_until = CASE WHEN $4 THEN $5 ELSE muted_until END,
                      archived = coalesce($6, archived), pinned = coalesce($7, pinned), state_position = $8
               WHERE conversation_id = $1 AND user_id = $2";
    tx.execute(
        sql,
        &[
            &id.0,
            &user.0,
            &change.marked_unread,
            &change.muted_until.is_some(),
            &change.muted_until.flatten().map(|until| until.0),
            &change.archived,
            &change.pinned,
            &tx.position().0,
        ],
    )?;
    match &change.draft {
        Some(Some(draft)) => {
            let sql = "INSERT INTO drafts (user_id, conversation_id, content) VALUES ($1, $2, $3)
                       ON CONFLICT (user_id, conversation_id) DO UPDATE SET content = excluded.content";
            tx.execute(sql, &[&user.0, &id.0, draft])?;
        }
        Some(None) => {
            let sql = "DELETE FROM drafts WHERE user_id = $1 AND conversation_id = $2";
            tx.execute(sql, &[&user.0, &id.0])?;
        }
        None => {}
    }
    Ok(OwnChanged { user, view: with_last_message(tx, user, id)? })
}

fn companions(
    db: &Db,
    viewer: UserId,
    id: ConversationId,
    limit: u16,
) -> fault::Result<Vec<(UserId, Option<Timestamp>)>> {
    membership::of_member(db, viewer, id)?;
    let sql = "SELECT m.user_id, s.at FROM members m LEFT JOIN last_seen s ON s.user_id = m.user_id
               WHERE m.conversation_id = $1 AND m.user_id <> $2 ORDER BY m.user_id LIMIT $3";
    let rows = db.rows(sql, &[&id.0, &viewer.0, &i64::from(limit)])?;
    rows.iter()
        .map(|row| Ok((UserId(row.try_get(0)?), row.try_get::<_, Option<_>>(1)?.map(Timestamp))))
        .collect()
}
