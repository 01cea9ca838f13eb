//! Finds the messages that match a search and that the reader may see, the newest first.
//!
//! There are two ways. The index lists all messages with a word, of all conversations and in no order: fast
//! for rare words. Or a walk looks at messages from the newest back: fast for frequent words, and for readers
//! with few messages. PostgreSQL's statistics of the words, and the results of the search so far, decide
//! which will be faster.

use std::time::Instant;

use chat_core::ids::{MessageId, UserId};
use chat_core::search::{self, Order, Range, Search};
use tokio_postgres::error::SqlState;

use super::expression::IndexQuery;
use crate::db::Db;
use crate::fault::{Fault, Result};
use crate::load::is_shown;

/// Factor by which adjacent messages are read faster than scattered ones.
const ADJACENT_FACTOR: i64 = 20;
/// Lower bound for the reader's messages in a step of the walk. Fewer are not worth a step, and say nothing
/// about the share of matches.
const MIN_STEP: i64 = 500;
/// Number of matches that a search for the best collects for ranking. Fewer are accepted once they fill a
/// page.
const RANKED: i64 = 300;
/// Upper bound for the messages taken from the index at once.
const INDEX_PAGE: i64 = 5000;
/// Number of messages whose visibility is checked at once, at first.
const FIRST_CHECK: usize = 200;
/// One statement may take as long as a whole search. Plans are made for each query, because its words decide
/// which plan is good. No table is read from end to end, and compiling a plan takes longer than any of these.
const SETTINGS: &str = "SET LOCAL statement_timeout = '3s'; SET LOCAL plan_cache_mode = force_custom_plan; \
                        SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on";

/// Returns the ids of the matches, in the requested order. Everything must be read in one snapshot.
pub(super) fn find(db: &Db, reader: UserId, search: &Search) -> Result<Vec<MessageId>> {
    let Some(query) = IndexQuery::of(search) else { return Ok(Vec::new()) };
    db.batch(SETTINGS)?;
    let finder = Finder { db, reader, search, query, began: Instant::now() };
    finder.find().map_err(|fault| match fault {
        Fault::Sql(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => search::too_slow().into(),
        other => other,
    })
}

struct Finder<'a> {
    db: &'a Db,
    reader: UserId,
    search: &'a Search,
    query: IndexQuery,
    began: Instant,
}

/// The conversations that are searched.
struct Scope {
    conversations: Vec<i64>,
    /// Approximate number of messages in them.
    own: i64,
    /// Approximate number of all messages.
    all: i64,
}

impl Scope {
    /// Returns `n` such that about one message in `n` is the reader's.
    fn one_in(&self) -> i64 {
        (self.all / self.own).max(1)
    }

    /// Returns whether a walk through all messages finds the reader's faster than a look-up by conversation.
    fn walks_all(&self) -> bool {
        self.one_in() < ADJACENT_FACTOR
    }

    /// Returns the cost of looking at this number of the reader's messages, in scattered messages.
    fn cost(&self, messages: i64) -> i64 {
        messages.saturating_mul(self.one_in().min(ADJACENT_FACTOR)) / ADJACENT_FACTOR
    }
}

/// The messages that a walk has seen so far.
#[derive(Default)]
struct Seen {
    messages: i64,
    matching: i64,
}

impl Finder<'_> {
    fn find(&self) -> Result<Vec<MessageId>> {
        let scope = self.scope()?;
        let mut found = Vec::new();
        if !scope.conversations.is_empty() {
            self.gather(&scope, &mut found)?;
        }
        found.truncate(self.search.wanted());
        if self.search.order == Order::Best && !self.query.words.is_empty() {
            found = self.best_of(&found)?;
        }
        found.truncate(self.search.limit());
        Ok(found.into_iter().map(MessageId).collect())
    }

    fn scope(&self) -> Result<Scope> {
        let sql =
            "SELECT coalesce(array_agg(me.conversation_id), '{}'), coalesce(sum(c.last_seq), 0)::bigint,
                          (SELECT coalesce(max(message_id), 0) FROM message_words)
                   FROM members me JOIN conversations c ON c.id = me.conversation_id
                   WHERE me.user_id = $1 AND ($2::bigint IS NULL OR me.conversation_id = $2)";
        let row = self.db.row(sql, &[&self.reader.0, &self.search.conversation.map(|id| id.0)])?;
        let (own, all): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
        Ok(Scope { conversations: row.try_get(0)?, own: own.max(1), all: all.max(1) })
    }

    /// Goes back in time until there are enough matches.
    fn gather(&self, scope: &Scope, found: &mut Vec<i64>) -> Result<()> {
        let mut range = self.search.range(scope.all + 1, |at| self.first_sent_at(at))?;
        let expected = self.expected()?;
        let mut seen = Seen::default();
        let mut stride = 1;
        while range.before - range.after > 1 && found.len() < self.search.limit() {
            search::check_time_limit(self.began.elapsed())?;
            let in_range = (range.before - range.after) / scope.one_in() + 1;
            let left = (scope.own - seen.messages).clamp(1, in_range);
            // Estimates that one message in this number matches, and assumes one match more than was seen.
            let one_in = match seen.messages {
                ..MIN_STEP => scope.all / expected.max(1),
                messages => messages / (seen.matching + 1),
            };
            let missing = self.target() - count(found.len()).min(self.target() - 1);
            let messages = one_in.max(1).saturating_mul(missing).min(left);
            if self.query.is_indexable && expected < scope.cost(messages) {
                return self.ask_index(scope, range, found);
            }
            // This number of ids contains `messages` of the reader's, and half as many more, if they are
            // spread evenly.
            let ids = (messages.max(MIN_STEP) * stride * 3 / 2).saturating_mul(scope.all)
                / scope.own.min(scope.all);
            let step = Range { after: range.after.max(range.before.saturating_sub(ids)), ..range };
            self.walk(scope, step, &mut seen, found)?;
            range.before = step.after + 1;
            // If the walk goes on, they are not spread evenly.
            stride = (2 * stride).min(1024);
        }
        Ok(())
    }

    /// Returns the number of matches to collect.
    fn target(&self) -> i64 {
        let limit = i64::from(self.search.limit);
        if self.search.order == Order::Best { RANKED.max(limit) } else { limit }
    }

    /// Returns the number of messages that the index would list. PostgreSQL knows which words are frequent.
    fn expected(&self) -> Result<i64> {
        let sql = "EXPLAIN SELECT message_id FROM message_words WHERE words @@ $1::text::tsquery";
        let plan = self.db.rows(sql, &[&self.query.all])?;
        let first: &str = plan.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
        let rows = first.split_once("rows=").and_then(|(_, rest)| rest.split(' ').next());
        Ok(rows.and_then(|rows| rows.parse().ok()).unwrap_or(i64::MAX))
    }

    /// Collects the matches among the reader's messages in this range.
    fn walk(&self, scope: &Scope, range: Range, seen: &mut Seen, found: &mut Vec<i64>) -> Result<()> {
        // The condition must not be one that an index covers: PostgreSQL would use that index as well.
        let by_conversation = "SELECT count(*), coalesce(array_agg(w.message_id ORDER BY w.message_id DESC) FILTER (WHERE w.matches), '{}')
             FROM unnest($1::bigint[]) AS c (id) CROSS JOIN LATERAL (
                 SELECT message_id, ts_match_vq(words, $4::text::tsquery) AS matches FROM message_words
                 WHERE conversation_id = c.id AND message_id > $2 AND message_id < $3 OFFSET 0) w";
        let by_id = "SELECT count(*), coalesce(array_agg(message_id ORDER BY message_id DESC)
                         FILTER (WHERE ts_match_vq(words, $4::text::tsquery)), '{}')
             FROM message_words
             WHERE message_id > $2 AND message_id < $3 AND conversation_id + 0 = ANY($1::bigint[])";
        let sql = if scope.walks_all() { by_id } else { by_conversation };
        let row = self.db.row(sql, &[&scope.conversations, &range.after, &range.before, &self.query.all])?;
        let matching: Vec<i64> = row.try_get(1)?;
        seen.messages += row.try_get::<_, i64>(0)?;
        seen.matching += count(matching.len());
        self.take_visible(&matching, found)
    }

    /// Collects the matches that the index lists in this range.
    fn ask_index(&self, scope: &Scope, mut range: Range, found: &mut Vec<i64>) -> Result<()> {
        // Only the words may lead to the rows. In the order of the ids, PostgreSQL would look at all rows.
        let sql = "WITH hits AS MATERIALIZED (
                       SELECT message_id FROM message_words
                       WHERE words @@ $4::text::tsquery AND conversation_id + 0 = ANY($1::bigint[])
                         AND message_id + 0 > $2 AND message_id + 0 < $3)
                   SELECT ARRAY(SELECT message_id FROM hits ORDER BY message_id DESC LIMIT $5)";
        loop {
            let (after, before) = (range.after, range.before);
            let row =
                self.db.row(sql, &[&scope.conversations, &after, &before, &self.query.all, &INDEX_PAGE])?;
            let matching: Vec<i64> = row.try_get(0)?;
            self.take_visible(&matching, found)?;
            match matching.last() {
                Some(last) if count(matching.len()) == INDEX_PAGE && found.len() < self.search.wanted() => {
                    range.before = *last;
                }
                _ => return Ok(()),
            }
        }
    }

    /// Collects the first of these that the reader may see and that are in the time range, until there are
    /// enough.
    fn take_visible(&self, mut matching: &[i64], found: &mut Vec<i64>) -> Result<()> {
        let sql = concat!(
            "SELECT m.id FROM messages m
             WHERE m.id = ANY($2::bigint[]) AND m.deleted_at IS NULL AND m.sent_at >= $3 AND m.sent_at < $4 AND ",
            is_shown!(),
            " ORDER BY m.id DESC"
        );
        let (since, until) = self.search.times();
        let mut n_checked = FIRST_CHECK;
        while !matching.is_empty() && found.len() < self.search.wanted() {
            search::check_time_limit(self.began.elapsed())?;
            let (some, others) = matching.split_at(n_checked.min(matching.len()));
            for row in self.db.rows(sql, &[&self.reader.0, &some, &since, &until])? {
                found.push(row.try_get(0)?);
            }
            (matching, n_checked) = (others, 4 * n_checked);
        }
        Ok(())
    }

    fn best_of(&self, found: &[i64]) -> Result<Vec<i64>> {
        // 1: a word weighs less in a long text.
        let sql = "SELECT message_id FROM message_words WHERE message_id = ANY($1::bigint[])
                   ORDER BY ts_rank(words, $2::text::tsquery, 1) DESC, message_id DESC LIMIT $3";
        let rows = self.db.rows(sql, &[&found, &self.query.words, &i64::from(self.search.limit)])?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Returns the id of the first message sent at or after this time, or the id that the next message will
    /// get.
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
