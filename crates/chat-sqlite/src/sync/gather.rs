//! Finds what changed for a user after a log position. Only positions and numbers are read here.
//!
//! The survey says which sources have changes in the page, the earliest first. Each yields its first changes in the
//! order of their positions, at most one more than fits into the page. Once a page is full, later positions are not
//! searched.

use std::collections::HashMap;

use chat_codec::row;
use chat_core::ids::{ConversationId, MessageId, Position, Seq, UserId};
use chat_core::sync::PageStart;
use chat_core::sync::page::{ChangedConversation, Page, PageBuilder};
use chat_core::sync::survey::{self, Reading, Source, Stop, Survey};
use rusqlite::{Connection, OptionalExtension, Params, Row};

use crate::load::{Columns, all};

/// The user's conversations that changed, as far as they were read.
type Concerned = HashMap<ConversationId, Option<ChangedConversation>>;

/// What changed for the user between the page's start and the log's end, up to a page, and what the next page needs.
pub(super) fn gather(
    db: &Connection,
    user: UserId,
    (PageStart { after, survey }, end): (PageStart, Position),
    limit: u16,
) -> rusqlite::Result<(Page, Option<Box<Survey>>)> {
    let (mut survey, concerned) = match survey.and_then(|survey| survey.continued(after)) {
        Some(survey) => (survey, Concerned::new()),
        None => begin(db, user, (after, end), limit)?,
    };
    let mut gatherer = Gatherer { db, user, page: survey.page(limit), concerned };
    gatherer.own()?;
    gatherer.page.narrow();
    while let Some(stop) = survey.due(gatherer.page.horizon()) {
        // A user who has left gets nothing more of the conversation.
        let Some(conversation) = gatherer.concerned(stop.conversation)? else { continue };
        survey.note(gatherer.read(&conversation, stop)?);
        gatherer.page.narrow();
    }
    // A release without these columns updates only the position of a departure.
    let sql = "SELECT d.position, d.conversation_id, CASE d.as_of WHEN d.position THEN d.rev END, d.owner_id
               FROM departures d
               WHERE d.user_id = ?1 AND d.position > ?2 AND NOT EXISTS (
                   SELECT 1 FROM members m WHERE m.conversation_id = d.conversation_id AND m.user_id = d.user_id)";
    let left = all(db, sql, [user.0, survey.departures_after().0], |row| row::left(row))?;
    let page = gatherer.page.finish(left);
    let survey = survey.turn_page(page.up_to(), end);
    Ok((page.in_log(end), survey))
}

macro_rules! concerned {
    ($condition:literal) => {
        concat!(
            "SELECT c.id, c.last_seq, c.n_members, c.position, c.meta_position, c.receipts_position,
                    me.joined_position, me.state_position, d.position IS NOT NULL
             FROM members me CROSS JOIN conversations c ON c.id = me.conversation_id
             LEFT JOIN departures d ON d.user_id = me.user_id AND d.conversation_id = me.conversation_id
             WHERE me.user_id = ?1 AND ",
            $condition
        )
    };
}

/// Number of messages that belong to the changes after a log position.
pub(super) fn n_missed(db: &Connection, user: UserId, after: Position) -> rusqlite::Result<u64> {
    let concerned = changed(db, user, after)?;
    Ok(survey::n_messages(&concerned, &firsts(db, &concerned, after)?))
}

/// The user's conversations in which something changed.
fn changed(db: &Connection, user: UserId, after: Position) -> rusqlite::Result<Vec<ChangedConversation>> {
    let sql = concerned!(
        "(c.position > ?2 OR c.receipts_position > ?2 OR me.state_position > ?2 OR me.joined_position > ?2)"
    );
    all(db, sql, [user.0, after.0], |row| row::concerned(row))
}

/// A survey of the user's conversations, and those in which something changed.
fn begin(
    db: &Connection,
    user: UserId,
    (after, end): (Position, Position),
    limit: u16,
) -> rusqlite::Result<(Survey, Concerned)> {
    let concerned = changed(db, user, after)?;
    let firsts = if survey::is_far(after, end, limit) { Some(firsts(db, &concerned, after)?) } else { None };
    let survey = Survey::begin((after, end), limit, &concerned, firsts.as_ref());
    Ok((survey, concerned.into_iter().map(|conversation| (conversation.id, Some(conversation))).collect()))
}

/// The first message of each conversation that belongs to the changes.
fn firsts(
    db: &Connection,
    concerned: &[ChangedConversation],
    after: Position,
) -> rusqlite::Result<HashMap<ConversationId, survey::Row>> {
    let active = concerned.iter().filter(|conversation| conversation.changed > after);
    let mut firsts = HashMap::new();
    for conversation in active {
        let seq = first_after(db, conversation, conversation.messages_after(after))?;
        if seq <= conversation.last {
            let position = position_of(db, conversation.id, seq)?;
            firsts.insert(conversation.id, survey::Row { position, seq: Some(seq) });
        }
    }
    Ok(firsts)
}

/// The first message after a log position. There is no index by position, since each message would have to be
/// written into it. But in a conversation positions grow with seqs, and those have an index.
fn first_after(db: &Connection, conversation: &ChangedConversation, from: Position) -> rusqlite::Result<Seq> {
    if conversation.changed <= from {
        return Ok(Seq(conversation.last.0 + 1));
    }
    first_where(conversation.last.0, |seq| Ok(position_of(db, conversation.id, Seq(seq))? > from)).map(Seq)
}

fn position_of(db: &Connection, id: ConversationId, seq: Seq) -> rusqlite::Result<Position> {
    let sql = "SELECT position FROM messages WHERE conversation_id = ?1 AND seq = ?2";
    db.prepare_cached(sql)?.query_row([id.0, seq.0], |row| row.get(0)).map(Position)
}

struct Gatherer<'a> {
    db: &'a Connection,
    user: UserId,
    page: PageBuilder,
    concerned: Concerned,
}

impl Gatherer<'_> {
    /// The conversation, if the user is a member of it.
    fn concerned(&mut self, id: ConversationId) -> rusqlite::Result<Option<ChangedConversation>> {
        if let Some(known) = self.concerned.get(&id) {
            return Ok(*known);
        }
        let mut statement = self.db.prepare_cached(concerned!("me.conversation_id = ?2"))?;
        let found =
            statement.query_row([self.user.0, id.0], |row| row::concerned(&Columns(row))).optional()?;
        self.concerned.insert(id, found);
        Ok(found)
    }

    /// Adds what a source has for the page.
    fn read(&mut self, conversation: &ChangedConversation, stop: Stop) -> rusqlite::Result<Reading> {
        let mut reading = Reading::of(stop);
        match stop.source {
            Source::Itself => {
                self.page.conversation(conversation);
                conversation.shown_at().into_iter().for_each(|position| reading.note(position));
            }
            Source::Posted => self.posted(conversation, stop.next.seq, &mut reading)?,
            Source::Changed => self.changed(conversation, &mut reading)?,
            Source::Moved => self.moved(conversation, &mut reading)?,
        }
        Ok(reading)
    }

    /// Adds messages that were posted, from a `seq` on if it is known.
    fn posted(
        &mut self,
        conversation: &ChangedConversation,
        first: Option<Seq>,
        reading: &mut Reading,
    ) -> rusqlite::Result<()> {
        let from = conversation.messages_after(self.page.after());
        let first = match first {
            Some(first) => first,
            None => first_after(self.db, conversation, from)?,
        };
        // The horizon is not a condition of the statement: once nothing else fits, SQLite would read the conversation
        // to its end to find that out.
        let sql = "SELECT m.position, m.id, m.seq FROM messages m
                   WHERE m.conversation_id = ?1 AND m.seq >= ?2 AND NOT EXISTS (
                       SELECT 1 FROM hidden_messages h WHERE h.user_id = ?3 AND h.message_id = m.id)
                   ORDER BY m.seq";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([conversation.id.0, first.0, self.user.0])?;
        let mut sought = self.page.enough();
        while let Some(row) = rows.next()? {
            let position = Position(row.get(0)?);
            reading.note(survey::Row { position, seq: Some(Seq(row.get(2)?)) });
            if position > self.page.horizon() || sought == 0 {
                reading.interrupt();
                break;
            }
            if position > from {
                self.page.posted(position, MessageId(row.get(1)?));
                sought -= 1;
            }
        }
        Ok(())
    }

    /// Adds messages that changed, except new ones: they are reported as posted, in their present state.
    fn changed(&mut self, conversation: &ChangedConversation, reading: &mut Reading) -> rusqlite::Result<()> {
        let after = self.page.after();
        let sql = "SELECT ch.position, ch.message_id, ch.event, m.position <= ?3 AND NOT EXISTS (
                       SELECT 1 FROM hidden_messages h WHERE h.user_id = ?4 AND h.message_id = m.id)
                   FROM message_changes ch CROSS JOIN messages m ON m.id = ch.message_id
                   WHERE ch.conversation_id = ?1 AND ch.position > ?2 ORDER BY ch.position";
        let from = conversation.messages_after(after);
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([conversation.id.0, after.0, from.0, self.user.0])?;
        let mut sought = self.page.enough();
        while let Some(row) = rows.next()? {
            let position = Position(row.get(0)?);
            reading.note(position);
            if position > self.page.horizon() || sought == 0 {
                reading.interrupt();
                break;
            }
            if row.get(3)? {
                self.page.changed(position, MessageId(row.get(1)?), row.get_ref(2)?.as_str()?);
                sought -= 1;
            }
        }
        Ok(())
    }

    /// Adds pointers that moved.
    fn moved(&mut self, conversation: &ChangedConversation, reading: &mut Reading) -> rusqlite::Result<()> {
        let of_all = "SELECT pointers_position, user_id, delivered_seq, read_seq FROM members
                      WHERE conversation_id = ?1 AND pointers_position > ?2 ORDER BY pointers_position, user_id";
        let own = "SELECT pointers_position, user_id, delivered_seq, read_seq FROM members
                   WHERE conversation_id = ?1 AND pointers_position > ?2 AND user_id = ?3";
        let (id, after) = (conversation.id, self.page.after().0);
        let add = |page: &mut PageBuilder, row: &Row<'_>, position| {
            reading.note(position);
            page.moved(position, id, row::member(&Columns(row), 1)?);
            Ok(())
        };
        if conversation.gets_receipts() {
            self.each(of_all, [id.0, after], add)
        } else {
            self.each(own, [id.0, after, self.user.0], add)
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

    /// Adds each row of a statement to the page.
    fn each(
        &mut self,
        sql: &'static str,
        params: impl Params,
        mut add: impl FnMut(&mut PageBuilder, &Row<'_>, Position) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            add(&mut self.page, row, Position(row.get(0)?))?;
        }
        Ok(())
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
