//! The thread that keeps the index: it reads from the database what has come since, in batches, and leaves the server
//! most of the processor while the server needs it. It writes nothing but the index.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, select};
use rusqlite::{Connection, OpenFlags, Row, params};

use super::Ear;
use super::expression::scope;
use super::file::{self, Shelf, State, Trouble};
use super::purge::{self, Purge};

/// Most messages in one transaction, and most bytes of text, whichever comes first.
const BATCH: usize = 4000;
const BATCH_BYTES: usize = 2 << 20;
/// Rounds begin at least so far apart, so that a message that grows is not indexed anew for every piece.
const ROUND: Duration = Duration::from_secs(1);
/// A round begins so long after the first commit that calls for it, for others to come with it.
const GATHER: Duration = Duration::from_millis(20);
/// How long nothing has to happen before the thread looks around by itself.
const FOREVER: Duration = Duration::from_secs(24 * 3600);
/// How long a round gets rid of words before new messages are looked for.
const PURGE: Duration = Duration::from_millis(500);
/// How long to leave an index alone that can't be written.
const RETRY: Duration = Duration::from_secs(5);
/// Events a second from which on the server counts as busy.
const BUSY: f64 = 500.0;
/// How much longer than it works the thread rests while the server is busy: it takes at most a quarter of a core.
const REST: u32 = 3;

/// The thread's own side.
pub(super) struct Indexer {
    database: PathBuf,
    shelf: Arc<Shelf>,
    ear: Ear,
    /// Disconnected when the thread is to end.
    ended: Receiver<()>,
    session: Option<Session>,
}

impl Indexer {
    pub(super) fn new(database: &Path, shelf: Arc<Shelf>, ear: Ear, ended: Receiver<()>) -> Self {
        Self { database: database.to_owned(), shelf, ear, ended, session: None }
    }

    /// Opens the index, or makes an empty one. Where that fails, the thread tries again.
    pub(super) fn prepare(&mut self) {
        // The second time without a file that turned out to be no good.
        for _ in 0..2 {
            match Session::open(&self.database, &self.shelf) {
                Ok(session) => return self.session = Some(session),
                Err(trouble) => self.recover(&trouble),
            }
        }
    }

    pub(super) fn serve(mut self) {
        loop {
            let begun = Instant::now();
            let outcome = self.round();
            let pause = match &outcome {
                Err(trouble) if !trouble.is_of_the_file() => RETRY,
                _ => ROUND.saturating_sub(begun.elapsed()),
            };
            if let Err(trouble) = &outcome {
                self.recover(trouble);
            }
            if self.ends_within(pause) || (outcome.is_ok() && self.ends_before_there_is_work()) {
                return;
            }
        }
    }

    /// Brings the index up to date.
    fn round(&mut self) -> Result<(), Trouble> {
        if self.shelf.is_broken() {
            self.session = None;
            self.shelf.discard().map_err(Trouble::Index)?;
        }
        let mut session = match self.session.take() {
            Some(session) => session,
            None => Session::open(&self.database, &self.shelf)?,
        };
        let done = self.catch_up(&mut session).and_then(|()| self.purge(&mut session));
        // After an error the state of the connections is not to be trusted.
        if done.is_ok() {
            self.session = Some(session);
        }
        done
    }

    fn catch_up(&self, session: &mut Session) -> Result<(), Trouble> {
        let (begun, from) = (Instant::now(), session.state.message);
        let mut changes_at = None;
        loop {
            let (step, events) = (Instant::now(), self.ear.lag.committed.load(Ordering::Relaxed));
            let with_changes = changes_at.is_none_or(|at: Instant| at.elapsed() >= ROUND);
            if with_changes {
                changes_at = Some(step);
            }
            self.shelf.make_room().map_err(Trouble::Index)?;
            let left = session.step(with_changes)?;
            if left.changes {
                changes_at = None;
            }
            let is_done = !left.messages && !left.changes;
            if is_done {
                self.ear.lag.indexed.store(events, Ordering::Relaxed);
            }
            if is_done || self.ends_within(self.rest(step.elapsed(), events)) {
                break;
            }
        }
        let messages = session.state.message - from;
        if begun.elapsed() > ROUND {
            tracing::info!(messages, seconds = begun.elapsed().as_secs(), "the search index has caught up");
        }
        Ok(())
    }

    /// Gets rid of the words of deleted messages for a while, if it is time.
    fn purge(&self, session: &mut Session) -> Result<(), Trouble> {
        let begun = Instant::now();
        while begun.elapsed() < PURGE {
            let due = session.purge.due(&session.index).map_err(Trouble::Index)?;
            if due.is_none_or(|due| !due.is_zero()) {
                break;
            }
            let (step, events) = (Instant::now(), self.ear.lag.committed.load(Ordering::Relaxed));
            self.shelf.make_room().map_err(Trouble::Index)?;
            session.purge.step(&mut session.index).map_err(Trouble::Index)?;
            if self.ends_within(self.rest(step.elapsed(), events)) {
                break;
            }
        }
        Ok(())
    }

    /// How long to rest after so much work, during which the count of events went on from `events`.
    fn rest(&self, work: Duration, events: u64) -> Duration {
        let new = self.ear.lag.committed.load(Ordering::Relaxed).saturating_sub(events);
        let is_busy = new as f64 > BUSY * work.as_secs_f64();
        if is_busy { work * REST } else { Duration::ZERO }
    }

    /// An index that is no good is taken away, so that the next round makes a new one; what may pass is waited for.
    fn recover(&mut self, trouble: &Trouble) {
        self.session = None;
        if !trouble.is_of_the_file() {
            tracing::warn!(error = %trouble, "the search index falls behind; retrying");
            return;
        }
        tracing::warn!(error = %trouble, "the search index is unusable; rebuilding it");
        self.shelf.clear();
        if let Err(error) = self.shelf.discard() {
            tracing::warn!(error = %error, "could not remove the search index; retrying");
        }
    }

    /// Waits; whether the thread is to end.
    fn ends_within(&self, pause: Duration) -> bool {
        !matches!(self.ended.recv_timeout(pause), Err(RecvTimeoutError::Timeout))
    }

    /// Waits until something was committed, or there are words to get rid of; whether the thread is to end before.
    fn ends_before_there_is_work(&self) -> bool {
        let due = self.session.as_ref().and_then(|session| session.purge.due(&session.index).ok().flatten());
        select! {
            recv(self.ended) -> _ => true,
            recv(self.ear.rung) -> _ => self.ends_within(GATHER),
            default(due.unwrap_or(FOREVER)) => false,
        }
    }
}

/// Both files, open.
struct Session {
    database: Connection,
    index: Connection,
    state: State,
    purge: Purge,
}

/// Of what there is more to take in.
struct Left {
    messages: bool,
    changes: bool,
}

/// What the index needs to know of a message.
struct Text {
    id: i64,
    content: String,
    scope: String,
    is_deleted: bool,
}

impl Text {
    /// From `id, content, conversation_id, sender_id, media_url <> '', deleted_at IS NOT NULL`.
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let scope = scope(row.get(2)?, row.get(3)?, row.get(4)?);
        Ok(Self { id: row.get(0)?, content: row.get(1)?, scope, is_deleted: row.get(5)? })
    }
}

impl Session {
    fn open(database: &Path, shelf: &Shelf) -> Result<Self, Trouble> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Connection::open_with_flags(database, flags)?;
        database.busy_timeout(Duration::from_secs(5))?;
        let end = end_of_log(&database)?;
        if let Some((index, state)) = file::open(shelf).map_err(Trouble::Index)? {
            // One that is ahead belongs to a database that was since replaced by an older copy of itself.
            if state.epoch == end.epoch && state.message <= end.message && state.position <= end.position {
                return Ok(Self { database, index, state, purge: Purge::default() });
            }
            tracing::info!("the search index belongs to another database; rebuilding it");
            drop(index);
        }
        shelf.clear();
        shelf.discard().map_err(Trouble::Index)?;
        // Every message is read later than this, and so with all changes up to here.
        let state = State { message: 0, ..end };
        let index = file::create(shelf, state).map_err(Trouble::Index)?;
        // Somebody may have opened the former file just before it was removed.
        shelf.clear();
        Ok(Self { database, index, state, purge: Purge::default() })
    }

    /// Takes in one batch.
    fn step(&mut self, with_changes: bool) -> Result<Left, Trouble> {
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
            self.write(&new, &changed, state).map_err(Trouble::Index)?;
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
        let forgets = changed.iter().any(|text| text.is_deleted);
        if forgets {
            purge::note(&transaction)?;
        }
        transaction
            .prepare_cached("UPDATE state SET message = ?1, position = ?2 WHERE only_row = 1")?
            .execute([state.message, state.position])?;
        transaction.commit()?;
        self.state = state;
        if forgets {
            self.purge.deleted();
        }
        Ok(())
    }
}

/// How far an index of this database can be.
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

/// The messages up to the last one in the index that were changed since, as they are now, each with the change's place.
/// Later ones will be read with all their changes anyway.
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
