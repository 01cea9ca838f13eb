//! Finds the messages that fit a search and that the reader may see, the newest first.
//!
//! There are two ways. The index names all messages that have a word, whosoever they are, in no order: quick for rare
//! words. Or one looks at messages from the newest back: quick for frequent words, and for whoever has few messages.
//! What PostgreSQL knows of the words, and what a search has seen so far, say which will be the quicker.

use std::time::Instant;

use chat_core::ids::{MessageId, UserId};
use chat_core::search::{self, Order, Range, Search};
use tokio_postgres::error::SqlState;

use super::expression::Question;
use crate::db::Db;
use crate::fault::{Fault, Result};
use crate::load::is_shown;

/// Messages that lie beside each other are read so many times as fast as ones that lie anywhere.
const NEIGHBOURS: i64 = 20;
/// Fewer of the reader's messages are not worth a step, and say nothing of how many fit.
const TELLING: i64 = 500;
/// For the best, so many are looked for that fit, and a page of them is accepted.
const CHOICE: i64 = 300;
/// Most messages that are taken from the index at once.
const CANDIDATES: i64 = 5000;
/// Of how many messages is asked at once whether they are to be seen, at first.
const CHECKED: usize = 200;
/// One statement may take as long as a whole search. The plans are made for each question, for the words decide which is good. No table is read from end to end, and
/// compiling a plan takes longer than any of these.
const SETTINGS: &str = "SET LOCAL statement_timeout = '3s'; SET LOCAL plan_cache_mode = force_custom_plan; \
                        SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on";

/// The ids of what was found, in the order in which it is wanted. Everything must be read in one snapshot.
pub(super) fn find(db: &Db, reader: UserId, search: &Search) -> Result<Vec<MessageId>> {
    let Some(question) = Question::of(search) else { return Ok(Vec::new()) };
    db.batch(SETTINGS)?;
    let hunt = Hunt { db, reader, search, question, begun: Instant::now() };
    hunt.find().map_err(|fault| match fault {
        Fault::Sql(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => search::too_slow().into(),
        other => other,
    })
}

struct Hunt<'a> {
    db: &'a Db,
    reader: UserId,
    search: &'a Search,
    question: Question,
    begun: Instant,
}

/// Where the reader may look.
struct Ground {
    conversations: Vec<i64>,
    /// How many messages there are in these, about.
    own: i64,
    /// And in all.
    all: i64,
}

impl Ground {
    /// Of how many messages one is the reader's.
    fn one_in(&self) -> i64 {
        (self.all / self.own).max(1)
    }

    /// Whether the reader's messages are found the faster among all. Otherwise they are looked up by conversation.
    fn is_everywhere(&self) -> bool {
        self.one_in() < NEIGHBOURS
    }

    /// What it costs to look at so many of the reader's messages, in messages that lie anywhere.
    fn cost(&self, messages: i64) -> i64 {
        messages.saturating_mul(self.one_in().min(NEIGHBOURS)) / NEIGHBOURS
    }
}

/// What a walk through the reader's messages has seen.
#[derive(Default)]
struct Seen {
    messages: i64,
    fitting: i64,
}

impl Hunt<'_> {
    fn find(&self) -> Result<Vec<MessageId>> {
        let ground = self.ground()?;
        let mut found = Vec::new();
        if !ground.conversations.is_empty() {
            self.gather(&ground, &mut found)?;
        }
        found.truncate(self.search.wanted());
        if self.search.order == Order::Best && !self.question.words.is_empty() {
            found = self.best_of(&found)?;
        }
        found.truncate(self.search.limit());
        Ok(found.into_iter().map(MessageId).collect())
    }

    fn ground(&self) -> Result<Ground> {
        let sql =
            "SELECT coalesce(array_agg(me.conversation_id), '{}'), coalesce(sum(c.last_seq), 0)::bigint,
                          (SELECT coalesce(max(message_id), 0) FROM message_words)
                   FROM members me JOIN conversations c ON c.id = me.conversation_id
                   WHERE me.user_id = $1 AND ($2::bigint IS NULL OR me.conversation_id = $2)";
        let row = self.db.row(sql, &[&self.reader.0, &self.search.conversation.map(|id| id.0)])?;
        let (own, all): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
        Ok(Ground { conversations: row.try_get(0)?, own: own.max(1), all: all.max(1) })
    }

    /// Goes back in time until there are enough.
    fn gather(&self, ground: &Ground, found: &mut Vec<i64>) -> Result<()> {
        let mut range = self.search.range(ground.all + 1, |at| self.first_sent_at(at))?;
        let expected = self.expected()?;
        let mut seen = Seen::default();
        let mut stride = 1;
        while range.before - range.after > 1 && found.len() < self.search.limit() {
            search::check_patience(self.begun.elapsed())?;
            let in_range = (range.before - range.after) / ground.one_in() + 1;
            let left = (ground.own - seen.messages).clamp(1, in_range);
            // Of so many messages one fits, as far as one can tell; one more than were seen is assumed to.
            let one_in = match seen.messages {
                ..TELLING => ground.all / expected.max(1),
                messages => messages / (seen.fitting + 1),
            };
            let missing = self.aim() - count(found.len()).min(self.aim() - 1);
            let messages = one_in.max(1).saturating_mul(missing).min(left);
            if self.question.is_indexable && expected < ground.cost(messages) {
                return self.ask_index(ground, range, found);
            }
            // So many ids hold that many of the reader's messages, and half as many more, if these are spread evenly.
            let ids = (messages.max(TELLING) * stride * 3 / 2).saturating_mul(ground.all)
                / ground.own.min(ground.all);
            let step = Range { after: range.after.max(range.before.saturating_sub(ids)), ..range };
            self.walk(ground, step, &mut seen, found)?;
            range.before = step.after + 1;
            // They are not, if it goes on.
            stride = (2 * stride).min(1024);
        }
        Ok(())
    }

    /// How many are looked for at a time.
    fn aim(&self) -> i64 {
        let limit = i64::from(self.search.limit);
        if self.search.order == Order::Best { CHOICE.max(limit) } else { limit }
    }

    /// How many messages the index would name. PostgreSQL knows which words are frequent.
    fn expected(&self) -> Result<i64> {
        let sql = "EXPLAIN SELECT message_id FROM message_words WHERE words @@ $1::text::tsquery";
        let plan = self.db.rows(sql, &[&self.question.all])?;
        let first: &str = plan.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
        let rows = first.split_once("rows=").and_then(|(_, rest)| rest.split(' ').next());
        Ok(rows.and_then(|rows| rows.parse().ok()).unwrap_or(i64::MAX))
    }

    /// Takes what fits of the reader's messages in this range.
    fn walk(&self, ground: &Ground, range: Range, seen: &mut Seen, found: &mut Vec<i64>) -> Result<()> {
        // What is indexed under a condition must not be asked for here: the other index would be used as well.
        let by_conversation = "SELECT count(*), coalesce(array_agg(w.message_id ORDER BY w.message_id DESC) FILTER (WHERE w.fits), '{}')
             FROM unnest($1::bigint[]) AS c (id) CROSS JOIN LATERAL (
                 SELECT message_id, ts_match_vq(words, $4::text::tsquery) AS fits FROM message_words
                 WHERE conversation_id = c.id AND message_id > $2 AND message_id < $3 OFFSET 0) w";
        let by_id = "SELECT count(*), coalesce(array_agg(message_id ORDER BY message_id DESC)
                         FILTER (WHERE ts_match_vq(words, $4::text::tsquery)), '{}')
             FROM message_words
             WHERE message_id > $2 AND message_id < $3 AND conversation_id + 0 = ANY($1::bigint[])";
        let sql = if ground.is_everywhere() { by_id } else { by_conversation };
        let row =
            self.db.row(sql, &[&ground.conversations, &range.after, &range.before, &self.question.all])?;
        let fitting: Vec<i64> = row.try_get(1)?;
        seen.messages += row.try_get::<_, i64>(0)?;
        seen.fitting += count(fitting.len());
        self.take_visible(&fitting, found)
    }

    /// Takes from what the index names in this range.
    fn ask_index(&self, ground: &Ground, mut range: Range, found: &mut Vec<i64>) -> Result<()> {
        // Only the words may lead to the rows. In the order of their ids one would look at all.
        let sql = "WITH hits AS MATERIALIZED (
                       SELECT message_id FROM message_words
                       WHERE words @@ $4::text::tsquery AND conversation_id + 0 = ANY($1::bigint[])
                         AND message_id + 0 > $2 AND message_id + 0 < $3)
                   SELECT ARRAY(SELECT message_id FROM hits ORDER BY message_id DESC LIMIT $5)";
        loop {
            let (after, before) = (range.after, range.before);
            let row = self
                .db
                .row(sql, &[&ground.conversations, &after, &before, &self.question.all, &CANDIDATES])?;
            let fitting: Vec<i64> = row.try_get(0)?;
            self.take_visible(&fitting, found)?;
            match fitting.last() {
                Some(last) if count(fitting.len()) == CANDIDATES && found.len() < self.search.wanted() => {
                    range.before = *last;
                }
                _ => return Ok(()),
            }
        }
    }

    /// Takes the first of these that are there for the reader, and of the right time, until there are enough.
    fn take_visible(&self, mut fitting: &[i64], found: &mut Vec<i64>) -> Result<()> {
        let sql = concat!(
            "SELECT m.id FROM messages m
             WHERE m.id = ANY($2::bigint[]) AND m.deleted_at IS NULL AND m.sent_at >= $3 AND m.sent_at < $4 AND ",
            is_shown!(),
            " ORDER BY m.id DESC"
        );
        let (since, until) = self.search.times();
        let mut n_checked = CHECKED;
        while !fitting.is_empty() && found.len() < self.search.wanted() {
            search::check_patience(self.begun.elapsed())?;
            let (some, others) = fitting.split_at(n_checked.min(fitting.len()));
            for row in self.db.rows(sql, &[&self.reader.0, &some, &since, &until])? {
                found.push(row.try_get(0)?);
            }
            (fitting, n_checked) = (others, 4 * n_checked);
        }
        Ok(())
    }

    fn best_of(&self, found: &[i64]) -> Result<Vec<i64>> {
        // 1: a word weighs less in a long text.
        let sql = "SELECT message_id FROM message_words WHERE message_id = ANY($1::bigint[])
                   ORDER BY ts_rank(words, $2::text::tsquery, 1) DESC, message_id DESC LIMIT $3";
        let rows = self.db.rows(sql, &[&found, &self.question.words, &i64::from(self.search.limit)])?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// The id of the first message sent at or after this, or the one that the next message will have.
    fn first_sent_at(&self, at: i64) -> Result<i64> {
        let sql = "WITH RECURSIVE halved (low, high) AS (
                       SELECT 1::bigint, coalesce(max(id), 0) + 1 FROM messages
                       UNION ALL
                       SELECT CASE WHEN next.sent_at < $1 THEN next.id + 1 ELSE low END,
                              CASE WHEN next.sent_at < $1 THEN high ELSE (low + high) / 2 END
                       FROM halved LEFT JOIN LATERAL (
                           SELECT id, sent_at FROM messages WHERE id >= (low + high) / 2 ORDER BY id LIMIT 1) next
                           ON true
                       WHERE low < high)
                   SELECT max(low) FROM halved";
        Ok(self.db.row(sql, &[&at])?.try_get(0)?)
    }
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
