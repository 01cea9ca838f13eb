//! The thread that updates the index: it reads new messages and changes from the database, in batches, and leaves most
//! of the processor to the server while the server is busy. It writes only to the index.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, select};
use rusqlite::{Connection, OpenFlags, Row, params};

use super::CommitListener;
use super::expression::scope;
use super::file::{self, IndexFile, SearchError, State};
use super::purge::{self, Purge};

/// Largest number of messages in one transaction, and largest size of their text in bytes. The first limit reached
/// applies.
const BATCH: usize = 4000;
const BATCH_BYTES: usize = 2 << 20;
/// Shortest time between the starts of two rounds, so that a growing message is not indexed again for every chunk.
const ROUND_INTERVAL: Duration = Duration::from_secs(1);
/// Delay between a commit and the round that indexes it, so that one round covers several commits.
const BATCH_DELAY: Duration = Duration::from_millis(20);
/// Timeout of a wait for the next commit when nothing else is due.
const IDLE_WAIT: Duration = Duration::from_secs(24 * 3600);
/// How long one round purges deleted words before it looks for new messages.
const PURGE_TIME: Duration = Duration::from_millis(500);
/// Pause after the index could not be written.
const RETRY: Duration = Duration::from_secs(5);
/// Number of events per second from which on the server counts as busy.
const BUSY_EVENTS: f64 = 500.0;
/// Ratio of rest to work while the server is busy: the thread then takes at most a quarter of a core.
const REST_RATIO: u32 = 3;

/// State of the indexing thread.
pub(super) struct Indexer {
    database: PathBuf,
    index_file: Arc<IndexFile>,
    listener: CommitListener,
    /// Disconnected when the thread is to end.
    ended: Receiver<()>,
    session: Option<Session>,
}

impl Indexer {
    pub(super) fn new(
        database: &Path,
        index_file: Arc<IndexFile>,
        listener: CommitListener,
        ended: Receiver<()>,
    ) -> Self {
        Self { database: database.to_owned(), index_file, listener, ended, session: None }
    }

    /// Opens the index, or creates an empty one. If that fails, the thread tries again.
    pub(super) fn prepare(&mut self) {
        // The second attempt follows the removal of an unusable file.
        for _ in 0..2 {
            match Session::open(&self.database, &self.index_file) {
                Ok(session) => return self.session = Some(session),
                Err(failure) => self.recover(&failure),
            }
        }
    }

    pub(super) fn serve(mut self) {
        loop {
            let begun = Instant::now();
            let outcome = self.round();
            let pause = match &outcome {
                Err(failure) if !failure.needs_new_index() => RETRY,
                _ => ROUND_INTERVAL.saturating_sub(begun.elapsed()),
            };
            if let Err(failure) = &outcome {
                self.recover(failure);
            }
            if self.ends_within(pause) || (outcome.is_ok() && self.ends_before_there_is_work()) {
                return;
            }
        }
    }

    /// Brings the index up to date.
    fn round(&mut self) -> Result<(), SearchError> {
        if self.index_file.is_broken() {
            self.session = None;
            self.index_file.discard().map_err(SearchError::Index)?;
        }
        let mut session = match self.session.take() {
            Some(session) => session,
            None => Session::open(&self.database, &self.index_file)?,
        };
        let done = self.catch_up(&mut session).and_then(|()| self.purge(&mut session));
        // After an error, the connections may be in any state.
        if done.is_ok() {
            self.session = Some(session);
        }
        done
    }

    fn catch_up(&self, session: &mut Session) -> Result<(), SearchError> {
        let (begun, from) = (Instant::now(), session.state.message);
        let mut changes_at = None;
        loop {
            let (step, events) = (Instant::now(), self.listener.lag.committed.load(Ordering::Relaxed));
            let with_changes = changes_at.is_none_or(|at: Instant| at.elapsed() >= ROUND_INTERVAL);
            if with_changes {
                changes_at = Some(step);
            }
            self.index_file.reserve_space().map_err(SearchError::Index)?;
            let left = session.step(with_changes)?;
            if left.changes {
                changes_at = None;
            }
            let is_done = !left.messages && !left.changes;
            if is_done {
                self.listener.lag.indexed.store(events, Ordering::Relaxed);
            }
            if is_done || self.ends_within(self.rest(step.elapsed(), events)) {
                break;
            }
        }
        let messages = session.state.message - from;
        if begun.elapsed() > ROUND_INTERVAL {
            tracing::info!(messages, seconds = begun.elapsed().as_secs(), "the search index has caught up");
        }
        Ok(())
    }

    /// Purges words of deleted messages for a while, if a purge is due.
    fn purge(&self, session: &mut Session) -> Result<(), SearchError> {
        let begun = Instant::now();
        while begun.elapsed() < PURGE_TIME {
            let due = session.purge.due(&session.index).map_err(SearchError::Index)?;
            if due.is_none_or(|due| !due.is_zero()) {
                break;
            }
            let (step, events) = (Instant::now(), self.listener.lag.committed.load(Ordering::Relaxed));
            self.index_file.reserve_space().map_err(SearchError::Index)?;
            session.purge.step(&mut session.index).map_err(SearchError::Index)?;
            if self.ends_within(self.rest(step.elapsed(), events)) {
                break;
            }
        }
        Ok(())
    }

    /// How long to rest after `work`, during which the number of events grew from `events`.
    fn rest(&self, work: Duration, events: u64) -> Duration {
        let new = self.listener.lag.committed.load(Ordering::Relaxed).saturating_sub(events);
        let is_busy = new as f64 > BUSY_EVENTS * work.as_secs_f64();
        if is_busy { work * REST_RATIO } else { Duration::ZERO }
    }

    /// Removes an unusable index, so that the next round creates a new one. Other errors are only waited for.
    fn recover(&mut self, failure: &SearchError) {
        self.session = None;
        if !failure.needs_new_index() {
            tracing::warn!(error = %failure, "the search index falls behind; retrying");
            return;
        }
        tracing::warn!(error = %failure, "the search index is unusable; rebuilding it");
        self.index_file.clear();
        if let Err(error) = self.index_file.discard() {
            tracing::warn!(error = %error, "could not remove the search index; retrying");
        }
    }

    /// Waits for `pause`. Returns whether the thread is to end.
    fn ends_within(&self, pause: Duration) -> bool {
        !matches!(self.ended.recv_timeout(pause), Err(RecvTimeoutError::Timeout))
    }

    /// Waits until something is committed or a purge is due. Returns whether the thread is to end before.
    fn ends_before_there_is_work(&self) -> bool {
        let due = self.session.as_ref().and_then(|session| session.purge.due(&session.index).ok().flatten());
        select! {
            recv(self.ended) -> _ => true,
            recv(self.listener.woken) -> _ => self.ends_within(BATCH_DELAY),
            default(due.unwrap_or(IDLE_WAIT)) => false,
        }
    }
}

/// The open database and index.
struct Session {
    database: Connection,
    index: Connection,
    state: State,
    purge: Purge,
}

/// Whether there are more messages and changes to index.
struct Left {
    messages: bool,
    changes: bool,
}

/// The part of a message that the index needs.
struct Text {
    id: i64,
    content: String,
    scope: String,
    is_deleted: bool,
}

impl Text {
    /// Reads `id, content, conversation_id, sender_id, media_url <> '', deleted_at IS NOT NULL`.
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let scope = scope(row.get(2)?, row.get(3)?, row.get(4)?);
        Ok(Self { id: row.get(0)?, content: row.get(1)?, scope, is_deleted: row.get(5)? })
    }
}

impl Session {
    fn open(database: &Path, index_file: &IndexFile) -> Result<Self, SearchError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Connection::open_with_flags(database, flags)?;
        database.busy_timeout(Duration::from_secs(5))?;
        let end = end_of_log(&database)?;
        if let Some((index, state)) = file::open(index_file).map_err(SearchError::Index)? {
            // An index that is ahead belongs to a database that was since replaced by an older copy of itself.
            if state.epoch == end.epoch && state.message <= end.message && state.position <= end.position {
                return Ok(Self { database, index, state, purge: Purge::default() });
            }
            tracing::info!("the search index belongs to another database; rebuilding it");
            drop(index);
        }
        index_file.clear();
        index_file.discard().map_err(SearchError::Index)?;
        // Every message is read after this moment, and so with all changes up to this position.
        let state = State { message: 0, ..end };
        let index = file::create(index_file, state).map_err(SearchError::Index)?;
        // A reader may have opened the former file just before it was removed.
        index_file.clear();
        Ok(Self { database, index, state, purge: Purge::default() })
    }

    /// Indexes one batch.
    fn step(&mut self, with_changes: bool) -> Result<Left, SearchError> {
        let snapshot = self.database.unchecked_transaction()?;
        let end = end_of_log(&snapshot)?;
        let (new, messages) = new_texts(&snapshot, self.state.message)?;
        let (changed, changes) =
            if with_changes { changed_texts(&snapshot, self.state)? } else { (Vec::new(), false) };
        drop(snapshot);
        let mut state = self.state;
        state.message = new.last().map_or(state.message, |text| text.id);
        if with_changes {
            let last = changed.last().map_or(state.position, |(position, _)| *position);
            state.position = if changes { last } else { end.position };
        }
        let changed: Vec<_> = changed.into_iter().map(|(_, text)| text).collect();
        if state != self.state {
            self.write(&new, &changed, state).map_err(SearchError::Index)?;
        }
        Ok(Left { messages, changes })
    }

    fn write(&mut self, new: &[Text], changed: &[Text], state: State) -> rusqlite::Result<()> {
        let transaction = self.index.transaction()?;
        for text in changed {
            transaction.prepare_cached("DELETE FROM texts WHERE rowid = ?1")?.execute([text.id])?;
        }
        for text in changed.iter().chain(new).filter(|text| !text.is_deleted) {
            transaction
                .prepare_cached("INSERT INTO texts (rowid, content, scope) VALUES (?1, ?2, ?3)")?
                .execute(params![text.id, text.content, text.scope])?;
        }
        let has_deleted = changed.iter().any(|text| text.is_deleted);
        if has_deleted {
            purge::note(&transaction)?;
        }
        transaction
            .prepare_cached("UPDATE state SET message = ?1, position = ?2 WHERE only_row = 1")?
            .execute([state.message, state.position])?;
        transaction.commit()?;
        self.state = state;
        if has_deleted {
            self.purge.deleted();
        }
        Ok(())
    }
}

/// The state of an index that is up to date with this database.
fn end_of_log(db: &Connection) -> rusqlite::Result<State> {
    let sql = "SELECT epoch, (SELECT coalesce(max(id), 0) FROM messages), position FROM log";
    db.prepare_cached(sql)?
        .query_row((), |row| Ok(State { epoch: row.get(0)?, message: row.get(1)?, position: row.get(2)? }))
}

/// The messages after this one, as they are now, and whether there are more.
fn new_texts(db: &Connection, after: i64) -> rusqlite::Result<(Vec<Text>, bool)> {
    let sql = "SELECT id, content, conversation_id, sender_id, media_url <> '', deleted_at IS NOT NULL
               FROM messages WHERE id > ?1 ORDER BY id";
    let mut statement = db.prepare_cached(sql)?;
    bounded(statement.query_map([after], Text::read)?, |text| text.content.len())
}

/// The messages in the index that changed since, as they are now, each with its change's position. Later messages will
/// be read with all their changes anyway.
fn changed_texts(db: &Connection, state: State) -> rusqlite::Result<(Vec<(i64, Text)>, bool)> {
    let sql =
        "SELECT m.id, m.content, m.conversation_id, m.sender_id, m.media_url <> '', m.deleted_at IS NOT NULL,
                      ch.position
               FROM message_changes ch CROSS JOIN messages m ON m.id = ch.message_id
               WHERE ch.position > ?1 AND ch.message_id <= ?2 ORDER BY ch.position";
    let mut statement = db.prepare_cached(sql)?;
    let rows =
        statement.query_map([state.position, state.message], |row| Ok((row.get(6)?, Text::read(row)?)))?;
    bounded(rows, |(_, text)| text.content.len())
}

/// The first rows up to the size of a batch, and whether there are more.
fn bounded<T>(
    mut rows: impl Iterator<Item = rusqlite::Result<T>>,
    bytes_of: impl Fn(&T) -> usize,
) -> rusqlite::Result<(Vec<T>, bool)> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while batch.len() < BATCH && bytes < BATCH_BYTES {
        let Some(row) = rows.next().transpose()? else { return Ok((batch, false)) };
        bytes += bytes_of(&row);
        batch.push(row);
    }
    Ok((batch, true))
}
