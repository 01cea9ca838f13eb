//! The thread that updates the index. It reads from the log what is new, in batches, in transactions of its
//! own that no write waits for. The nodes take turns: one that finds another at work does nothing.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chat_store::SearchLag;
use crossbeam_channel::{Receiver, RecvTimeoutError, select};
use tokio_postgres::Row;

use super::expression::labels;
use super::words::vector;
use crate::connect::Address;
use crate::db::Db;
use crate::fault::Result;

/// Upper bounds for the messages and the bytes of text in one transaction, whichever is reached first.
const BATCH: i64 = 1000;
const BATCH_BYTES: i64 = 1 << 20;
/// Minimum time between the starts of two rounds, so that a message that grows is not indexed again for every
/// piece.
const MIN_ROUND_INTERVAL: Duration = Duration::from_millis(500);
/// Delay of a round after the first commit that calls for it, so that it covers further commits too.
const GATHER_TIME: Duration = Duration::from_millis(20);
/// Nodes do not signal their commits to each other. Each updates the index itself; this interval covers a
/// node that is gone.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Pause after a failure of the database.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// The thread's state.
pub(super) struct Indexer {
    pub(super) address: Address,
    /// Receives a signal when something was committed on this node.
    pub(super) woken: Receiver<()>,
    /// Disconnected when the thread must end.
    pub(super) ended: Receiver<()>,
    pub(super) lag: SearchLag,
}

/// Progress of the index.
#[derive(Clone, Copy, PartialEq, Eq)]
struct State {
    /// The last indexed message.
    message: i64,
    /// Log position of the last indexed change of an earlier message.
    position: i64,
}

/// The current texts of messages, for the index.
#[derive(Default)]
struct Texts {
    ids: Vec<i64>,
    conversations: Vec<i64>,
    vectors: Vec<String>,
    /// Deleted messages, which have no words any more.
    deleted: Vec<i64>,
}

impl Texts {
    /// Reads a row of `id, conversation_id, sender_id, media_url <> '', content, deleted_at IS NOT NULL`.
    fn take(&mut self, row: &Row) -> Result<()> {
        let id = row.try_get(0)?;
        if row.try_get(5)? {
            self.deleted.push(id);
            return Ok(());
        }
        self.ids.push(id);
        self.conversations.push(row.try_get(1)?);
        self.vectors.push(vector(row.try_get(4)?, &labels(row.try_get(2)?, row.try_get(3)?)));
        Ok(())
    }
}

impl Indexer {
    pub(super) fn serve(self) {
        let mut db = None;
        let mut is_failing = false;
        loop {
            let begun = Instant::now();
            let pause = match self.round(&mut db) {
                Ok(()) => {
                    if std::mem::take(&mut is_failing) {
                        tracing::info!("the search index is updated again");
                    }
                    MIN_ROUND_INTERVAL.saturating_sub(begun.elapsed())
                }
                Err(fault) => {
                    // After an error the state of the connection is unknown.
                    db = None;
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(error = %fault.reason(), "the search index falls behind; retrying until it catches up");
                    }
                    RETRY_PAUSE
                }
            };
            if self.ends_within(pause) || self.ends_before_there_is_work() {
                return;
            }
        }
    }

    /// Brings the index up to date.
    fn round(&self, session: &mut Option<Db>) -> Result<()> {
        let db = match session.take().filter(|db| !db.is_broken()) {
            Some(db) => db,
            None => Db::connect(&self.address)?,
        };
        let (begun, mut n_messages) = (Instant::now(), 0);
        loop {
            let (step, committed) = (Instant::now(), self.lag.committed.load(Ordering::Relaxed));
            let done = run_step(&db)?;
            n_messages += done.n_messages;
            if done.is_up_to_date {
                self.lag.indexed.store(committed, Ordering::Relaxed);
                break;
            }
            // Writes and reads of messages need the database more urgently.
            if done.n_messages == 0 || self.ends_within(step.elapsed()) {
                break;
            }
        }
        if begun.elapsed() > 4 * MIN_ROUND_INTERVAL {
            let seconds = begun.elapsed().as_secs();
            tracing::info!(messages = n_messages, seconds, "the search index has caught up");
        }
        *session = Some(db);
        Ok(())
    }

    /// Waits. Returns whether the thread must end.
    fn ends_within(&self, pause: Duration) -> bool {
        !matches!(self.ended.recv_timeout(pause), Err(RecvTimeoutError::Timeout))
    }

    fn ends_before_there_is_work(&self) -> bool {
        select! {
            recv(self.ended) -> _ => true,
            recv(self.woken) -> _ => self.ends_within(GATHER_TIME),
            default(POLL_INTERVAL) => false,
        }
    }
}

/// Result of one transaction.
struct Step {
    n_messages: usize,
    is_up_to_date: bool,
}

/// Indexes one batch.
fn run_step(db: &Db) -> Result<Step> {
    // Whatever a crash loses of this is indexed again.
    db.batch("BEGIN; SET LOCAL synchronous_commit = off")?;
    let step = index_batch(db)?;
    db.batch("COMMIT")?;
    Ok(step)
}

fn index_batch(db: &Db) -> Result<Step> {
    let sql = "SELECT message, position FROM search_index FOR UPDATE SKIP LOCKED";
    let Some(row) = db.opt(sql, &[])? else {
        return Ok(Step { n_messages: 0, is_up_to_date: false });
    };
    let from = State { message: row.try_get(0)?, position: row.try_get(1)? };
    // Read this before the messages: later changes have a later position, and the next step sees them.
    let end = db.row("SELECT message_id, position FROM log", &[])?;
    let end = State { message: end.try_get(0)?, position: end.try_get(1)? };
    let mut texts = Texts::default();
    let last = new_texts(db, from, &mut texts)?;
    let changed = changed_texts(db, from, &mut texts)?;
    let to = State { message: last.unwrap_or(from.message), position: changed.unwrap_or(end.position) };
    if to.message != from.message || !texts.ids.is_empty() || !texts.deleted.is_empty() {
        write(db, &texts, to)?;
    }
    let n_messages = texts.ids.len() + texts.deleted.len();
    Ok(Step { n_messages, is_up_to_date: to.message >= end.message && changed.is_none() })
}

/// Reads the messages after the last indexed one. Returns the last of these.
fn new_texts(db: &Db, from: State, texts: &mut Texts) -> Result<Option<i64>> {
    let sql = "SELECT id, conversation_id, sender_id, media_url <> '', content, deleted_at IS NOT NULL
               FROM (SELECT n.*, sum(octet_length(content)) OVER (ORDER BY id) - octet_length(content) AS before
                     FROM (SELECT * FROM messages WHERE id > $1 ORDER BY id LIMIT $2) n) n
               WHERE before < $3 ORDER BY id";
    let rows = db.rows(sql, &[&from.message, &BATCH, &BATCH_BYTES])?;
    rows.iter().try_for_each(|row| texts.take(row))?;
    Ok(rows.last().map(|row| row.try_get(0)).transpose()?)
}

/// Reads the indexed messages that were changed since. Returns the last change if there may be more. Later
/// messages will be read with all their changes anyway.
fn changed_texts(db: &Db, from: State, texts: &mut Texts) -> Result<Option<i64>> {
    let sql =
        "SELECT m.id, m.conversation_id, m.sender_id, m.media_url <> '', m.content, m.deleted_at IS NOT NULL,
                      c.position
               FROM message_changes c JOIN messages m ON m.id = c.message_id
               WHERE c.position > $1 AND c.message_id <= $2 ORDER BY c.position LIMIT $3";
    let rows = db.rows(sql, &[&from.position, &from.message, &BATCH])?;
    rows.iter().try_for_each(|row| texts.take(row))?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|n_rows| n_rows == BATCH);
    let last = rows.last().filter(|_| is_full);
    Ok(last.map(|row| row.try_get(6)).transpose()?)
}

fn write(db: &Db, texts: &Texts, to: State) -> Result<()> {
    let Texts { ids, conversations, vectors, deleted } = texts;
    if !deleted.is_empty() {
        db.execute("DELETE FROM message_words WHERE message_id = ANY($1)", &[deleted])?;
    }
    let sql = "INSERT INTO message_words (message_id, conversation_id, words)
               SELECT id, conversation, words::tsvector
               FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS t (id, conversation, words)
               ON CONFLICT (message_id) DO UPDATE SET words = excluded.words";
    db.execute(sql, &[ids, conversations, vectors])?;
    let sql = "UPDATE search_index SET message = $1, position = $2";
    db.execute(sql, &[&to.message, &to.position]).map(drop)
}
