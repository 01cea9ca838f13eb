//! Finds what changed for a user after a log position. Only positions and numbers are read here.
//!
//! Every source yields its first changes in the order of their positions, at most one more than fits into a page. Once
//! a page is full, later positions are not searched.

use chat_codec::row;
use chat_core::ids::{ConversationId, MessageId, Position, Seq, UserId};
use chat_core::sync::page::{ChangedConversation, Page, PageBuilder};
use rusqlite::{Connection, Params, Row};

use crate::load::{Columns, all};

/// Everything that changed for the user, up to a page.
pub(super) fn gather(db: &Connection, user: UserId, page: PageBuilder) -> rusqlite::Result<Page> {
    let after = page.after();
    let mut gatherer = Gatherer { db, user, page };
    gatherer.own()?;
    for conversation in concerned(db, user, after)? {
        gatherer.conversation(&conversation)?;
        gatherer.page.narrow();
    }
    // A release without these columns updates only the position of a departure.
    let sql = "SELECT d.position, d.conversation_id, CASE d.as_of WHEN d.position THEN d.rev END, d.owner_id
               FROM departures d
               WHERE d.user_id = ?1 AND d.position > ?2 AND NOT EXISTS (
                   SELECT 1 FROM members m WHERE m.conversation_id = d.conversation_id AND m.user_id = d.user_id)";
    let left = all(db, sql, [user.0, after.0], |row| row::left(row))?;
    Ok(gatherer.page.finish(left))
}

/// The user's conversations in which something changed.
fn concerned(db: &Connection, user: UserId, after: Position) -> rusqlite::Result<Vec<ChangedConversation>> {
    let sql = "SELECT c.id, c.last_seq, c.n_members, c.position, c.meta_position, c.receipts_position,
                      me.joined_position, me.state_position, d.position IS NOT NULL
               FROM members me CROSS JOIN conversations c ON c.id = me.conversation_id
               LEFT JOIN departures d ON d.user_id = me.user_id AND d.conversation_id = me.conversation_id
               WHERE me.user_id = ?1 AND (c.position > ?2 OR c.receipts_position > ?2
                                          OR me.state_position > ?2 OR me.joined_position > ?2)";
    all(db, sql, [user.0, after.0], |row| row::concerned(row))
}

struct Gatherer<'a> {
    db: &'a Connection,
    user: UserId,
    page: PageBuilder,
}

impl Gatherer<'_> {
    fn conversation(&mut self, conversation: &ChangedConversation) -> rusqlite::Result<()> {
        self.page.conversation(conversation);
        if conversation.changed > self.page.after() {
            let from = conversation.messages_after(self.page.after());
            self.posted(conversation, from)?;
            // Changes of messages that are in a later page are skipped one by one, so not to the log's end.
            self.page.narrow();
            self.changed(conversation.id, from)?;
        }
        if conversation.receipts > self.page.after() {
            self.moved(conversation)?;
        }
        Ok(())
    }

    /// Adds each row of a statement to the page.
    fn each(
        &mut self,
        sql: &'static str,
        params: impl Params,
        add: impl Fn(&mut PageBuilder, &Row<'_>, Position) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            add(&mut self.page, row, Position(row.get(0)?))?;
        }
        Ok(())
    }

    /// Messages that were posted after `from`.
    fn posted(&mut self, conversation: &ChangedConversation, from: Position) -> rusqlite::Result<()> {
        let first = self.first_after(conversation, from)?;
        // The horizon is not a condition of the statement: once nothing else fits, SQLite would read the conversation
        // to its end to find that out, for each page again.
        let sql = "SELECT m.position, m.id FROM messages m
                   WHERE m.conversation_id = ?1 AND m.seq >= ?2 AND NOT EXISTS (
                       SELECT 1 FROM hidden_messages h WHERE h.user_id = ?3 AND h.message_id = m.id)
                   ORDER BY m.seq LIMIT ?4";
        let params = [conversation.id.0, first.0, self.user.0, self.page.enough()];
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            let position = Position(row.get(0)?);
            if position > self.page.horizon() {
                break;
            }
            self.page.posted(position, MessageId(row.get(1)?));
        }
        Ok(())
    }

    /// The first message after a log position. There is no index by position, since each message would have to be
    /// written into it. But in a conversation positions grow with seqs, and those have an index.
    fn first_after(&self, conversation: &ChangedConversation, from: Position) -> rusqlite::Result<Seq> {
        if conversation.changed <= from {
            return Ok(Seq(conversation.last.0 + 1));
        }
        let sql = "SELECT position FROM messages WHERE conversation_id = ?1 AND seq = ?2";
        let mut statement = self.db.prepare_cached(sql)?;
        first_where(conversation.last.0, |seq| {
            let position: i64 = statement.query_row([conversation.id.0, seq], |row| row.get(0))?;
            Ok(position > from.0)
        })
        .map(Seq)
    }

    /// Messages that changed, except those posted after `from`: they are reported as posted, in their present state.
    fn changed(&mut self, id: ConversationId, from: Position) -> rusqlite::Result<()> {
        let sql = "SELECT ch.position, ch.message_id, ch.event FROM message_changes ch
                   CROSS JOIN messages m ON m.id = ch.message_id
                   WHERE ch.conversation_id = ?1 AND ch.position > ?2 AND ch.position <= ?3 AND m.position <= ?4
                     AND NOT EXISTS (
                         SELECT 1 FROM hidden_messages h WHERE h.user_id = ?5 AND h.message_id = m.id)
                   ORDER BY ch.position LIMIT ?6";
        let (after, horizon) = (self.page.after().0, self.page.horizon().0);
        let params = [id.0, after, horizon, from.0, self.user.0, self.page.enough()];
        self.each(sql, params, |page, row, position| {
            page.changed(position, MessageId(row.get(1)?), row.get_ref(2)?.as_str()?);
            Ok(())
        })
    }

    /// Pointers that moved.
    fn moved(&mut self, conversation: &ChangedConversation) -> rusqlite::Result<()> {
        let of_all = "SELECT pointers_position, user_id, delivered_seq, read_seq FROM members
                      WHERE conversation_id = ?1 AND pointers_position > ?2 AND pointers_position <= ?3
                      ORDER BY pointers_position, user_id";
        let own = "SELECT pointers_position, user_id, delivered_seq, read_seq FROM members
                   WHERE conversation_id = ?1 AND pointers_position > ?2 AND pointers_position <= ?3
                     AND user_id = ?4";
        let (id, after, horizon) = (conversation.id, self.page.after().0, self.page.horizon().0);
        let add = |page: &mut PageBuilder, row: &Row<'_>, position| {
            page.moved(position, id, row::member(&Columns(row), 1)?);
            Ok(())
        };
        if conversation.gets_receipts() {
            self.each(of_all, [id.0, after, horizon], add)
        } else {
            self.each(own, [id.0, after, horizon, self.user.0], add)
        }
    }

    /// Messages that the user hid or saved.
    fn own(&mut self) -> rusqlite::Result<()> {
        let hidden = "SELECT position, conversation_id, message_id FROM hidden_messages
                      WHERE user_id = ?1 AND position > ?2 ORDER BY position LIMIT ?3";
        let params = [self.user.0, self.page.after().0, self.page.enough()];
        self.each(hidden, params, |page, row, position| {
            page.hidden(position, ConversationId(row.get(1)?), MessageId(row.get(2)?));
            Ok(())
        })?;
        let saved = "SELECT position, message_id, saved FROM saved_messages
                     WHERE user_id = ?1 AND position > ?2 ORDER BY position LIMIT ?3";
        self.each(saved, params, |page, row, position| {
            page.saved(position, MessageId(row.get(1)?), row.get(2)?);
            Ok(())
        })
    }
}

/// The first number from 1 to `last` for which `is_late` holds, or `last + 1` if there is none. All numbers after a
/// late one must be late. Searches back from the end in growing steps, since few numbers are late as a rule.
fn first_where<E>(last: i64, mut is_late: impl FnMut(i64) -> Result<bool, E>) -> Result<i64, E> {
    let (mut early, mut late, mut step) = (0, last + 1, 1);
    while late - early > 1 {
        let is_bounded = early > 0 || late - step <= early;
        let at = if is_bounded { early + (late - early) / 2 } else { late - step };
        if is_late(at)? {
            late = at;
            step *= 2;
        } else {
            early = at;
        }
    }
    Ok(late)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn found(last: i64, first_late: i64) -> (i64, u32) {
        let mut looks = 0;
        let found = first_where(last, |number| {
            assert!((1..=last).contains(&number), "{number} is not there");
            looks += 1;
            Ok::<_, Infallible>(number >= first_late)
        });
        (found.unwrap(), looks)
    }

    #[test]
    fn the_first_late_number_is_found_wherever_it_is() {
        for last in 0..40 {
            for first_late in 1..=last + 1 {
                assert_eq!(found(last, first_late).0, first_late, "of {last}");
            }
        }
    }

    #[test]
    fn few_numbers_are_looked_at() {
        const LAST: i64 = 1_000_000;
        assert_eq!(found(LAST, LAST + 1), (LAST + 1, 1));
        for first_late in [1, 2, 500_000, 750_001, LAST - 100, LAST - 3, LAST] {
            let (number, looks) = found(LAST, first_late);
            let missed = LAST + 1 - first_late;
            assert_eq!(number, first_late);
            assert!(looks <= 2 * missed.ilog2() + 3, "{looks} looks for {missed} numbers");
        }
    }
}
