//! Finds the messages that match a search and that the reader may see. The index tells what matches; only the database
//! tells who may see what.

use chat_core::ids::{ConversationId, MessageId, UserId};
use chat_core::search::{Order, Range, Search};
use rusqlite::{Connection, OptionalExtension, params};

use super::expression::expression;
use super::file::SearchError;

/// Up to this number, conversations are always part of the query: the index then finds their messages at once.
const FEW_CONVERSATIONS: usize = 8;
/// Largest number of conversations in one query. Each costs the index a look-up.
const CONVERSATIONS_AT_ONCE: usize = 500;
/// Number of the newest matches, from any conversation, that are checked before the conversations become part of the
/// query.
const CANDIDATES: usize = 2000;

/// The ids of the matches, in the requested order.
pub(super) fn find(
    db: &Connection,
    index: &Connection,
    reader: UserId,
    search: &Search,
) -> Result<Vec<MessageId>, SearchError> {
    let query = Query { db, index, reader, search };
    let wanted = search.wanted();
    let conversations = conversations_of(db, reader, search.conversation)?;
    let mut found = query.found(&conversations, wanted)?;
    if search.order == Order::Best {
        // A smaller rank is better. The sort is stable, so newer messages come first among equals.
        found.truncate(wanted);
        found.sort_by(|one, other| one.rank.total_cmp(&other.rank));
    }
    found.truncate(search.limit());
    Ok(found.into_iter().map(|found| MessageId(found.id)).collect())
}

/// The conversations that the reader may search.
fn conversations_of(
    db: &Connection,
    reader: UserId,
    only: Option<ConversationId>,
) -> rusqlite::Result<Vec<ConversationId>> {
    let sql = "SELECT conversation_id FROM members
               WHERE user_id = ?1 AND conversation_id = coalesce(?2, conversation_id)";
    let mut statement = db.prepare_cached(sql)?;
    let only = only.map(|id| id.0);
    let rows = statement.query_map(params![reader.0, only], |row| row.get(0).map(ConversationId))?;
    rows.collect()
}

struct Found {
    id: i64,
    rank: f64,
}

struct Query<'a> {
    db: &'a Connection,
    index: &'a Connection,
    reader: UserId,
    search: &'a Search,
}

impl Query<'_> {
    /// The newest `wanted` matches, or more of them, the newest first.
    fn found(&self, conversations: &[ConversationId], wanted: usize) -> Result<Vec<Found>, SearchError> {
        let mut found = Vec::new();
        let mut range = self.search.range(i64::MAX, |at| first_sent_at(self.db, at))?;
        let anywhere = expression(self.search, &[]);
        // For most readers, either some of the newest matches are in their conversations, or the words are rare.
        // Adding hundreds of conversations to the query costs more than checking the matches one by one.
        if conversations.len() > FEW_CONVERSATIONS && !anywhere.is_empty() {
            match self.run(&anywhere, range, (wanted, CANDIDATES), &mut found)? {
                // One page of the best of these is enough: ranking with hundreds of conversations in the query is
                // slow.
                Some(_) if self.search.order == Order::Best && found.len() >= self.search.limit() => {
                    return Ok(found);
                }
                Some(rest) => range = rest,
                None => return Ok(found),
            }
        }
        let wanted = wanted - found.len();
        for some in conversations.chunks(CONVERSATIONS_AT_ONCE) {
            self.run(&expression(self.search, some), range, (wanted, usize::MAX), &mut found)?;
        }
        found.sort_unstable_by_key(|found| std::cmp::Reverse(found.id));
        Ok(found)
    }

    /// Runs one query and adds at most `wanted` matches that the reader may see, the newest first. Returns the
    /// remaining range if `candidates` matches were checked and fewer than `wanted` were added.
    fn run(
        &self,
        expression: &str,
        range: Range,
        (wanted, candidates): (usize, usize),
        found: &mut Vec<Found>,
    ) -> Result<Option<Range>, SearchError> {
        let sql = match self.search.order {
            Order::Newest => {
                "SELECT rowid, 0.0 FROM texts WHERE texts MATCH ?1 AND rowid > ?2 AND rowid < ?3
                 ORDER BY rowid DESC"
            }
            Order::Best => {
                "SELECT rowid, bm25(texts, 1.0, 0.0) FROM texts WHERE texts MATCH ?1 AND rowid > ?2 AND rowid < ?3
                 ORDER BY rowid DESC"
            }
        };
        let full = found.len() + wanted;
        let mut statement = self.index.prepare_cached(sql).map_err(SearchError::Index)?;
        let mut rows =
            statement.query(params![expression, range.after, range.before]).map_err(SearchError::Index)?;
        let mut left = candidates;
        while found.len() < full {
            let Some(row) = rows.next().map_err(SearchError::Index)? else { break };
            let id = row.get(0).map_err(SearchError::Index)?;
            if self.may_see(id)? {
                found.push(Found { id, rank: row.get(1).map_err(SearchError::Index)? });
            }
            left -= 1;
            if left == 0 {
                return Ok((found.len() < full).then_some(Range { before: id, ..range }));
            }
        }
        Ok(None)
    }

    /// Whether the reader may see the message, and its time is within the requested limits.
    fn may_see(&self, id: i64) -> rusqlite::Result<bool> {
        let sql = "SELECT 1 FROM messages m
                   JOIN members me ON me.conversation_id = m.conversation_id AND me.user_id = ?2
                   WHERE m.id = ?1 AND m.deleted_at IS NULL AND m.sent_at >= ?3 AND m.sent_at < ?4
                     AND NOT EXISTS (SELECT 1 FROM hidden_messages h WHERE h.user_id = ?2 AND h.message_id = ?1)";
        let (since, until) = self.search.times();
        self.db.prepare_cached(sql)?.exists(params![id, self.reader.0, since, until])
    }
}

/// Id of the first message sent at `at` or later. If there is none, the lowest id that the next message can have.
fn first_sent_at(db: &Connection, at: i64) -> rusqlite::Result<i64> {
    let newest: i64 =
        db.prepare_cached("SELECT coalesce(max(id), 0) FROM messages")?.query_row((), |row| row.get(0))?;
    let mut statement =
        db.prepare_cached("SELECT id, sent_at FROM messages WHERE id >= ?1 ORDER BY id LIMIT 1")?;
    let (mut low, mut high) = (1, newest + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let next = statement.query_row([middle], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
        match next.optional()? {
            Some((id, sent_at)) if sent_at < at => low = id + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}
