//! The thread that keeps the index: it takes from the log what has come since, in batches, in transactions of its own
//! that no write waits for. The nodes take turns: whoever finds that another one is at it leaves it alone.

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

/// Most messages in one transaction, and most bytes of text, whichever comes first.
const BATCH: i64 = 1000;
const BATCH_BYTES: i64 = 1 << 20;
/// Rounds begin at least so far apart, so that a message that grows is not indexed anew for every piece.
const ROUND: Duration = Duration::from_millis(500);
/// A round begins so long after the first commit that calls for it, for others to come with it.
const GATHER: Duration = Duration::from_millis(20);
/// Other nodes do not tell of their commits; each keeps the index itself, unless it is gone.
const POLL: Duration = Duration::from_secs(2);
/// How long to leave a database alone that fails.
const RETRY: Duration = Duration::from_secs(5);

/// The thread's own side.
pub(super) struct Indexer {
    pub(super) address: Address,
    /// Something was committed here.
    pub(super) rung: Receiver<()>,
    /// Disconnected when the thread is to end.
    pub(super) ended: Receiver<()>,
    pub(super) lag: SearchLag,
}

/// How far the index has come.
#[derive(Clone, Copy, PartialEq, Eq)]
struct State {
    /// The last message that is in.
    message: i64,
    /// The last change of an earlier message that is in.
    position: i64,
}

/// What the index needs to know of messages, as they are now.
#[derive(Default)]
struct Texts {
    ids: Vec<i64>,
    conversations: Vec<i64>,
    vectors: Vec<String>,
    /// These have no words any more.
    deleted: Vec<i64>,
}

impl Texts {
    /// Takes a row of `id, conversation_id, sender_id, media_url <> '', content, deleted_at IS NOT NULL`.
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
                    ROUND.saturating_sub(begun.elapsed())
                }
                Err(fault) => {
                    // After an error the state of the connection is not to be trusted.
                    db = None;
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(error = %fault.reason(), "the search index falls behind; retrying until it catches up");
                    }
                    RETRY
                }
            };
            if self.ends_within(pause) || self.ends_before_there_is_work() {
                return;
            }
        }
    }

    /// Brings the index up to date.
    fn round(&self, kept: &mut Option<Db>) -> Result<()> {
        let db = match kept.take().filter(|db| !db.is_broken()) {
            Some(db) => db,
            None => Db::connect(&self.address)?,
        };
        let (begun, mut n_messages) = (Instant::now(), 0);
        loop {
            let (step, committed) = (Instant::now(), self.lag.committed.load(Ordering::Relaxed));
            let done = step_of(&db)?;
            n_messages += done.n_messages;
            if done.is_up_to_date {
                self.lag.indexed.store(committed, Ordering::Relaxed);
                break;
            }
            // Whoever writes messages or reads them needs the database more.
            if done.n_messages == 0 || self.ends_within(step.elapsed()) {
                break;
            }
        }
        if begun.elapsed() > 4 * ROUND {
            let seconds = begun.elapsed().as_secs();
            tracing::info!(messages = n_messages, seconds, "the search index has caught up");
        }
        *kept = Some(db);
        Ok(())
    }

    /// Waits; whether the thread is to end.
    fn ends_within(&self, pause: Duration) -> bool {
        !matches!(self.ended.recv_timeout(pause), Err(RecvTimeoutError::Timeout))
    }

    fn ends_before_there_is_work(&self) -> bool {
        select! {
            recv(self.ended) -> _ => true,
            recv(self.rung) -> _ => self.ends_within(GATHER),
            default(POLL) => false,
        }
    }
}

/// What came of one transaction.
struct Step {
    n_messages: usize,
    is_up_to_date: bool,
}

/// Takes in one batch.
fn step_of(db: &Db) -> Result<Step> {
    // What is lost of this in a crash is taken in again.
    db.batch("BEGIN; SET LOCAL synchronous_commit = off")?;
    let step = take_in(db)?;
    db.batch("COMMIT")?;
    Ok(step)
}

fn take_in(db: &Db) -> Result<Step> {
    let sql = "SELECT message, position FROM search_index FOR UPDATE SKIP LOCKED";
    let Some(row) = db.opt(sql, &[])? else {
        return Ok(Step { n_messages: 0, is_up_to_date: false });
    };
    let from = State { message: row.try_get(0)?, position: row.try_get(1)? };
    // Before the messages: what changes from now on has a later position, and is seen at the next step.
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

/// The messages after the last one in the index; answers the last of these.
fn new_texts(db: &Db, from: State, texts: &mut Texts) -> Result<Option<i64>> {
    let sql = "SELECT id, conversation_id, sender_id, media_url <> '', content, deleted_at IS NOT NULL
               FROM (SELECT n.*, sum(octet_length(content)) OVER (ORDER BY id) - octet_length(content) AS before
                     FROM (SELECT * FROM messages WHERE id > $1 ORDER BY id LIMIT $2) n) n
               WHERE before < $3 ORDER BY id";
    let rows = db.rows(sql, &[&from.message, &BATCH, &BATCH_BYTES])?;
    rows.iter().try_for_each(|row| texts.take(row))?;
    Ok(rows.last().map(|row| row.try_get(0)).transpose()?)
}

/// The messages in the index that were changed since. Answers the last change, if there may be more. Later messages will
/// be read with all their changes anyway.
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
