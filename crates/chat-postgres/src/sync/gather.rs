//! Finds what changed for a user after a log position, and where. Only positions and ids are read here.
//!
//! The survey says which sources have changes in the page. Every kind of source is one statement over all conversations
//! that are due. For each it returns the first changes in the order of their log positions, one more than a page holds,
//! and the position of the first change beyond the horizon.

use std::collections::HashMap;

use chat_codec::row;
use chat_core::ids::{ConversationId, MessageId, Position, Seq, UserId};
use chat_core::sync::PageStart;
use chat_core::sync::page::{ChangedConversation, Page, PageBuilder};
use chat_core::sync::survey::{self, Reading, Source, Stop, Survey};
use tokio_postgres::Row;

use crate::db::{Db, Params};
use crate::fault::Result;
use crate::load::{Columns, all};

/// The user's conversations that changed, as far as they were read.
type Concerned = HashMap<ConversationId, ChangedConversation>;

/// Returns what changed for the user between the page's start and the log's end, up to a page, and what the next page
/// needs.
pub(super) fn gather(
    db: &Db,
    user: UserId,
    (PageStart { after, survey }, end): (PageStart, Position),
    limit: u16,
) -> Result<(Page, Option<Box<Survey>>)> {
    let (mut survey, concerned) = match survey.and_then(|survey| survey.continued(after)) {
        Some(survey) => (survey, Concerned::new()),
        None => begin(db, user, (after, end), limit)?,
    };
    let mut gatherer = Gatherer { db, user, page: survey.page(limit) };
    gatherer.own()?;
    gatherer.page.narrow();
    let horizon = gatherer.page.horizon();
    let due: Vec<Stop> = std::iter::from_fn(|| survey.due(horizon)).collect();
    let concerned = gatherer.still_concerned(&due, concerned)?;
    // A user who has left gets nothing more of the conversation.
    let due: Vec<_> =
        due.iter().filter_map(|stop| Some((*stop, concerned.get(&stop.conversation)?))).collect();
    let of = |source| Due::new(due.iter().filter(move |(stop, _)| stop.source == source));
    let readings = [
        gatherer.itself(of(Source::Itself)),
        gatherer.posted(of(Source::Posted))?,
        gatherer.changed(of(Source::Changed))?,
        gatherer.moved(of(Source::Moved))?,
    ];
    readings.into_iter().flatten().for_each(|reading| survey.note(reading));
    // A release that does not know these columns updates only the position of a departure.
    let sql = "SELECT d.position, d.conversation_id, CASE d.as_of WHEN d.position THEN d.rev END, d.owner_id
               FROM departures d
               WHERE d.user_id = $1 AND d.position > $2 AND NOT EXISTS (
                   SELECT 1 FROM members m WHERE m.conversation_id = d.conversation_id AND m.user_id = d.user_id)";
    let left = all(db, sql, &[&user.0, &survey.departures_after().0], |row| row::left(row))?;
    let page = gatherer.page.finish(left);
    let survey = survey.turn_page(page.up_to(), end);
    Ok((page.in_log(end), survey))
}

macro_rules! concerned {
    ($condition:literal) => {
        concat!(
            "SELECT c.id, c.last_seq, c.n_members, c.position, c.meta_position, c.receipts_position,
                    me.joined_position, me.state_position, d.position IS NOT NULL
             FROM members me JOIN conversations c ON c.id = me.conversation_id
             LEFT JOIN departures d ON d.user_id = me.user_id AND d.conversation_id = me.conversation_id
             WHERE me.user_id = $1 AND ",
            $condition
        )
    };
}

/// Returns the number of messages that belong to the changes after a log position.
pub(super) fn n_missed(db: &Db, user: UserId, after: Position) -> Result<u64> {
    let concerned = changed(db, user, after)?;
    Ok(survey::n_messages(&concerned, &firsts(db, &concerned, after)?))
}

/// Returns the user's conversations in which something changed.
fn changed(db: &Db, user: UserId, after: Position) -> Result<Vec<ChangedConversation>> {
    let sql = concerned!(
        "(c.position > $2 OR c.receipts_position > $2 OR me.state_position > $2 OR me.joined_position > $2)"
    );
    all(db, sql, &[&user.0, &after.0], |row| row::concerned(row))
}

/// Begins a survey, and returns the user's conversations in which something changed.
fn begin(
    db: &Db,
    user: UserId,
    (after, end): (Position, Position),
    limit: u16,
) -> Result<(Survey, Concerned)> {
    let concerned = changed(db, user, after)?;
    let firsts = if survey::is_far(after, end, limit) { Some(firsts(db, &concerned, after)?) } else { None };
    let survey = Survey::begin((after, end), limit, &concerned, firsts.as_ref());
    Ok((survey, concerned.into_iter().map(|conversation| (conversation.id, conversation)).collect()))
}

/// Returns the first message of each conversation that belongs to the changes.
fn firsts(
    db: &Db,
    concerned: &[ChangedConversation],
    after: Position,
) -> Result<HashMap<ConversationId, survey::Row>> {
    let active = concerned.iter().filter(|conversation| conversation.changed > after);
    let (ids, from): (Vec<i64>, Vec<i64>) =
        active.map(|conversation| (conversation.id.0, conversation.messages_after(after).0)).unzip();
    let sql = "SELECT c.id, x.position, x.seq FROM unnest($1::bigint[], $2::bigint[]) c (id, after)
               CROSS JOIN LATERAL (
                   SELECT m.position, m.seq FROM messages m
                   WHERE m.conversation_id = c.id AND m.position > c.after ORDER BY m.position LIMIT 1) x";
    let rows = db.rows(sql, &[&ids, &from])?;
    let first = |row: &Row| {
        let seq = Some(Seq(row.try_get(2)?));
        Ok((ConversationId(row.try_get(0)?), survey::Row { position: Position(row.try_get(1)?), seq }))
    };
    rows.iter().map(first).collect()
}

/// The sources of one kind that are due.
struct Due<'a> {
    conversations: Vec<&'a ChangedConversation>,
    readings: HashMap<ConversationId, Reading>,
}

impl<'a> Due<'a> {
    fn new(due: impl Iterator<Item = &'a (Stop, &'a ChangedConversation)>) -> Self {
        let (conversations, readings) =
            due.map(|(stop, conversation)| (*conversation, (stop.conversation, Reading::of(*stop)))).unzip();
        Self { conversations, readings }
    }

    /// Returns the conversations, and for each the log position after which its changes count.
    fn columns(&self, after: Position) -> (Vec<i64>, Vec<i64>) {
        let columns =
            |conversation: &&ChangedConversation| (conversation.id.0, conversation.messages_after(after).0);
        self.conversations.iter().map(columns).unzip()
    }

    fn note(&mut self, conversation: ConversationId, row: impl Into<survey::Row>) {
        if let Some(reading) = self.readings.get_mut(&conversation) {
            reading.note(row);
        }
    }

    /// Returns what was read. A source that has filled a page may have further rows.
    fn read(self, enough: i64) -> Vec<Reading> {
        let end = |mut reading: Reading| {
            if i64::try_from(reading.n_rows()).is_ok_and(|rows| rows >= enough) {
                reading.interrupt();
            }
            reading
        };
        self.readings.into_values().map(end).collect()
    }
}

struct Gatherer<'a> {
    db: &'a Db,
    user: UserId,
    page: PageBuilder,
}

impl Gatherer<'_> {
    /// Returns those of the conversations of which the user is a member.
    fn still_concerned(&self, due: &[Stop], known: Concerned) -> Result<Concerned> {
        if !known.is_empty() || due.is_empty() {
            return Ok(known);
        }
        let mut ids: Vec<i64> = due.iter().map(|stop| stop.conversation.0).collect();
        ids.sort_unstable();
        ids.dedup();
        let sql = concerned!("me.conversation_id = ANY($2)");
        let concerned = all(self.db, sql, &[&self.user.0, &ids], |row| row::concerned(row))?;
        Ok(concerned.into_iter().map(|conversation| (conversation.id, conversation)).collect())
    }

    /// Adds each row of a statement to the page.
    fn each(
        &mut self,
        sql: &'static str,
        params: Params<'_>,
        mut add: impl FnMut(&mut PageBuilder, &Row, Position) -> Result<()>,
    ) -> Result<()> {
        for row in self.db.rows(sql, params)? {
            add(&mut self.page, &row, Position(row.try_get(0)?))?;
        }
        Ok(())
    }

    /// Adds conversations that changed themselves.
    fn itself(&mut self, mut due: Due<'_>) -> Vec<Reading> {
        for conversation in &due.conversations {
            self.page.conversation(conversation);
            if let Some(reading) = due.readings.get_mut(&conversation.id) {
                conversation.shown_at().into_iter().for_each(|position| reading.note(position));
            }
        }
        self.page.narrow();
        due.readings.into_values().collect()
    }

    /// Adds new messages.
    fn posted(&mut self, mut due: Due<'_>) -> Result<Vec<Reading>> {
        let (ids, from) = due.columns(self.page.after());
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "SELECT x.position, c.id, x.id, x.seq FROM unnest($1::bigint[], $2::bigint[]) c (id, after)
                   CROSS JOIN LATERAL (
                       (SELECT m.position, m.id, m.seq FROM messages m
                        WHERE m.conversation_id = c.id AND m.position > c.after AND m.position <= $3
                          AND NOT EXISTS (
                              SELECT 1 FROM hidden_messages h WHERE h.user_id = $4 AND h.message_id = m.id)
                        ORDER BY m.position LIMIT $5)
                       UNION ALL
                       (SELECT m.position, m.id, m.seq FROM messages m
                        WHERE m.conversation_id = c.id AND m.position > greatest($3, c.after)
                        ORDER BY m.position LIMIT 1)) x
                   ORDER BY x.position";
        let (user, horizon, enough) = (self.user.0, self.page.horizon().0, self.page.enough());
        self.each(sql, &[&ids, &from, &horizon, &user, &enough], |page, row, position| {
            let seq = Some(Seq(row.try_get(3)?));
            due.note(ConversationId(row.try_get(1)?), survey::Row { position, seq });
            page.posted(position, MessageId(row.try_get(2)?));
            Ok(())
        })?;
        self.page.narrow();
        Ok(due.read(enough))
    }

    /// Adds messages that changed. New messages are left out, because the page contains their current state.
    fn changed(&mut self, mut due: Due<'_>) -> Result<Vec<Reading>> {
        let (ids, from) = due.columns(self.page.after());
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "SELECT x.position, c.id, x.message_id, x.event
                   FROM unnest($1::bigint[], $2::bigint[]) c (id, after)
                   CROSS JOIN LATERAL (
                       (SELECT ch.position, ch.message_id, ch.event FROM message_changes ch
                        JOIN messages m ON m.id = ch.message_id
                        WHERE ch.conversation_id = c.id AND ch.position > $3 AND ch.position <= $4
                          AND m.position <= c.after AND NOT EXISTS (
                              SELECT 1 FROM hidden_messages h WHERE h.user_id = $5 AND h.message_id = m.id)
                        ORDER BY ch.position LIMIT $6)
                       UNION ALL
                       (SELECT ch.position, ch.message_id, ch.event FROM message_changes ch
                        WHERE ch.conversation_id = c.id AND ch.position > $4
                        ORDER BY ch.position LIMIT 1)) x
                   ORDER BY x.position";
        let (after, horizon) = (self.page.after().0, self.page.horizon().0);
        let (user, enough) = (self.user.0, self.page.enough());
        self.each(sql, &[&ids, &from, &after, &horizon, &user, &enough], |page, row, position| {
            due.note(ConversationId(row.try_get(1)?), position);
            page.changed(position, MessageId(row.try_get(2)?), row.try_get(3)?);
            Ok(())
        })?;
        self.page.narrow();
        Ok(due.read(enough))
    }

    /// Adds pointers that moved.
    fn moved(&mut self, mut due: Due<'_>) -> Result<Vec<Reading>> {
        let (user, after, horizon) = (self.user.0, self.page.after().0, self.page.horizon().0);
        let (ids, announced): (Vec<i64>, Vec<bool>) = due
            .conversations
            .iter()
            .map(|conversation| (conversation.id.0, conversation.gets_receipts()))
            .unzip();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "SELECT x.position, c.id, x.user_id, x.delivered_seq, x.read_seq
                   FROM unnest($1::bigint[], $2::boolean[]) c (id, announced)
                   CROSS JOIN LATERAL (
                       SELECT m.pointers_position AS position, m.user_id, m.delivered_seq, m.read_seq
                       FROM members m
                       WHERE m.conversation_id = c.id AND (c.announced OR m.user_id = $3)
                         AND m.pointers_position > $4 AND m.pointers_position <= $5
                       UNION ALL
                       SELECT min(m.pointers_position), 0, 0, 0 FROM members m
                       WHERE m.conversation_id = c.id AND (c.announced OR m.user_id = $3)
                         AND m.pointers_position > $5 HAVING count(*) > 0) x
                   ORDER BY x.position, x.user_id";
        self.each(sql, &[&ids, &announced, &user, &after, &horizon], |page, row, position| {
            let id = ConversationId(row.try_get(1)?);
            due.note(id, position);
            page.moved(position, id, row::member(&Columns(row), 2)?);
            Ok(())
        })?;
        Ok(due.readings.into_values().collect())
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
