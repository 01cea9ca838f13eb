//! Finds what changed for a user after a log position, and where. Only positions and ids are read here.
//!
//! Every source is one statement over all of the user's conversations. It returns its first changes in the
//! order of their log positions, one more than a page holds.

use chat_codec::row;
use chat_core::ids::{ConversationId, MessageId, Position, UserId};
use chat_core::sync::page::{ChangedConversation, Page, PageBuilder};
use tokio_postgres::Row;

use crate::db::{Db, Params};
use crate::fault::Result;
use crate::load::{Columns, all};

/// Returns the changes for the user.
pub(super) fn gather(db: &Db, user: UserId, page: PageBuilder) -> Result<Page> {
    let after = page.after();
    let mut gatherer = Gatherer { db, user, page };
    gatherer.own()?;
    let concerned = concerned(db, user, after)?;
    concerned.iter().for_each(|conversation| gatherer.page.conversation(conversation));
    gatherer.posted(&concerned)?;
    gatherer.changed(&concerned)?;
    gatherer.page.narrow();
    gatherer.moved(&concerned)?;
    // A release that does not know these columns updates only the position of a departure.
    let sql = "SELECT d.position, d.conversation_id, CASE d.as_of WHEN d.position THEN d.rev END, d.owner_id
               FROM departures d
               WHERE d.user_id = $1 AND d.position > $2 AND NOT EXISTS (
                   SELECT 1 FROM members m WHERE m.conversation_id = d.conversation_id AND m.user_id = d.user_id)";
    let left = all(db, sql, &[&user.0, &after.0], |row| row::left(row))?;
    Ok(gatherer.page.finish(left))
}

/// Returns the user's conversations in which something changed.
fn concerned(db: &Db, user: UserId, after: Position) -> Result<Vec<ChangedConversation>> {
    let sql = "SELECT c.id, c.last_seq, c.n_members, c.position, c.meta_position, c.receipts_position,
                      me.joined_position, me.state_position, d.position IS NOT NULL
               FROM members me JOIN conversations c ON c.id = me.conversation_id
               LEFT JOIN departures d ON d.user_id = me.user_id AND d.conversation_id = me.conversation_id
               WHERE me.user_id = $1 AND (c.position > $2 OR c.receipts_position > $2
                                          OR me.state_position > $2 OR me.joined_position > $2)";
    all(db, sql, &[&user.0, &after.0], |row| row::concerned(row))
}

struct Gatherer<'a> {
    db: &'a Db,
    user: UserId,
    page: PageBuilder,
}

impl Gatherer<'_> {
    /// Adds each row of a statement to the page.
    fn each(
        &mut self,
        sql: &'static str,
        params: Params<'_>,
        add: impl Fn(&mut PageBuilder, &Row, Position) -> Result<()>,
    ) -> Result<()> {
        for row in self.db.rows(sql, params)? {
            add(&mut self.page, &row, Position(row.try_get(0)?))?;
        }
        Ok(())
    }

    /// Returns the conversations in which something other than a receipt changed, and for each the log
    /// position after which its changes count.
    fn active(&self, concerned: &[ChangedConversation]) -> (Vec<i64>, Vec<i64>) {
        let after = self.page.after();
        let active = concerned.iter().filter(|conversation| conversation.changed > after);
        active.map(|conversation| (conversation.id.0, conversation.messages_after(after).0)).unzip()
    }

    /// Adds new messages.
    fn posted(&mut self, concerned: &[ChangedConversation]) -> Result<()> {
        let (ids, from) = self.active(concerned);
        if ids.is_empty() {
            return Ok(());
        }
        let sql = "SELECT x.position, x.id FROM unnest($1::bigint[], $2::bigint[]) c (id, after)
                   CROSS JOIN LATERAL (
                       SELECT m.position, m.id FROM messages m
                       WHERE m.conversation_id = c.id AND m.position > c.after AND m.position <= $3
                         AND NOT EXISTS (
                             SELECT 1 FROM hidden_messages h WHERE h.user_id = $4 AND h.message_id = m.id)
                       ORDER BY m.position LIMIT $5) x
                   ORDER BY x.position LIMIT $5";
        let (user, horizon, enough) = (self.user.0, self.page.horizon().0, self.page.enough());
        self.each(sql, &[&ids, &from, &horizon, &user, &enough], |page, row, position| {
            page.posted(position, MessageId(row.try_get(1)?));
            Ok(())
        })
    }

    /// Adds messages that changed. New messages are left out, because the page contains their current state.
    fn changed(&mut self, concerned: &[ChangedConversation]) -> Result<()> {
        let (ids, from) = self.active(concerned);
        if ids.is_empty() {
            return Ok(());
        }
        let sql =
            "SELECT x.position, x.message_id, x.event FROM unnest($1::bigint[], $2::bigint[]) c (id, after)
                   CROSS JOIN LATERAL (
                       SELECT ch.position, ch.message_id, ch.event FROM message_changes ch
                       JOIN messages m ON m.id = ch.message_id
                       WHERE ch.conversation_id = c.id AND ch.position > $3 AND ch.position <= $4
                         AND m.position <= c.after AND NOT EXISTS (
                             SELECT 1 FROM hidden_messages h WHERE h.user_id = $5 AND h.message_id = m.id)
                       ORDER BY ch.position LIMIT $6) x
                   ORDER BY x.position LIMIT $6";
        let (after, horizon) = (self.page.after().0, self.page.horizon().0);
        let (user, enough) = (self.user.0, self.page.enough());
        self.each(sql, &[&ids, &from, &after, &horizon, &user, &enough], |page, row, position| {
            page.changed(position, MessageId(row.try_get(1)?), row.try_get(2)?);
            Ok(())
        })
    }

    /// Adds pointers that moved.
    fn moved(&mut self, concerned: &[ChangedConversation]) -> Result<()> {
        let (user, after, horizon) = (self.user.0, self.page.after(), self.page.horizon());
        let moved = concerned.iter().filter(|conversation| conversation.receipts > after);
        let (ids, announced): (Vec<i64>, Vec<bool>) =
            moved.map(|conversation| (conversation.id.0, conversation.gets_receipts())).unzip();
        if ids.is_empty() {
            return Ok(());
        }
        let sql = "SELECT m.pointers_position, m.conversation_id, m.user_id, m.delivered_seq, m.read_seq
                   FROM unnest($1::bigint[], $2::boolean[]) c (id, announced)
                   JOIN members m ON m.conversation_id = c.id AND (c.announced OR m.user_id = $3)
                   WHERE m.pointers_position > $4 AND m.pointers_position <= $5
                   ORDER BY m.pointers_position, m.user_id";
        self.each(sql, &[&ids, &announced, &user, &after.0, &horizon.0], |page, row, position| {
            page.moved(position, ConversationId(row.try_get(1)?), row::member(&Columns(row), 2)?);
            Ok(())
        })
    }

    /// Adds the changes that the user made to messages for themselves.
    fn own(&mut self) -> Result<()> {
        let hidden = "SELECT position, conversation_id, message_id FROM hidden_messages
                      WHERE user_id = $1 AND position > $2 ORDER BY position LIMIT $3";
        let (user, after, enough) = (self.user.0, self.page.after().0, self.page.enough());
        self.each(hidden, &[&user, &after, &enough], |page, row, position| {
            page.hidden(position, ConversationId(row.try_get(1)?), MessageId(row.try_get(2)?));
            Ok(())
        })?;
        let saved = "SELECT position, message_id, saved FROM saved_messages
                     WHERE user_id = $1 AND position > $2 ORDER BY position LIMIT $3";
        self.each(saved, &[&user, &after, &enough], |page, row, position| {
            page.saved(position, MessageId(row.try_get(1)?), row.try_get(2)?);
            Ok(())
        })
    }
}
