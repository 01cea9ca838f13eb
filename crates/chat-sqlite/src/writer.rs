//! The engine of the message log: one thread owns the writing connection, and commits everything queued since the last
//! commit in one transaction. So batches grow with load, and a single write does not wait.
//!
//! A write is answered, and its events are published, only after its commit is on disk (README, promise 1). The
//! statements of features are not here.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_core::error::Obstacle;
use chat_core::event::{Event, Outcome};
use chat_core::ids::Position;
use chat_core::ports::EventSink;
use chat_core::room::Room;
use chat_core::{Error, failpoints};
use chat_store::{WriteQueue, WriterMetrics};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::oneshot;

use crate::announced::Announced;
use crate::checkpoint::{self, Checkpointer};
use crate::error::OpenError;
use crate::fault::Result;
use crate::feed;
use crate::location::Location;
use crate::overwritten::ContentWatch;
use crate::probe;
use crate::served;
use crate::shm::Shm;

mod connection;
mod job;

use connection::LOCK_WAIT;
pub(crate) use connection::{connect, enable_secure_delete};
use job::{Failure, Job, Write};

/// Number of writes that may wait before further ones are refused.
const QUEUE: usize = 8192;
/// Largest number of writes in one transaction.
const BATCH: usize = 512;
/// How long a batch waits for somebody else's lock if the batch before it waited in vain.
const LOCK_WAIT_AGAIN: Duration = Duration::from_millis(100);
/// Fault that tests inject: the server answers before it commits.
const ACK_BEFORE_COMMIT: &str = "ack_before_commit";

/// The open transaction that a write works with, and the log position of the write's first change. Further changes of
/// the same write have the next positions.
pub(crate) struct Tx<'a> {
    connection: &'a Connection,
    /// The log position of this write's first change.
    pub(crate) position: Position,
    has_deleted: &'a Cell<bool>,
}

impl Tx<'_> {
    /// Must be called by a write that deletes something that a user wrote: the WAL is then emptied soon. The database
    /// file itself keeps nothing that was deleted, see `secure_delete`.
    pub(crate) fn note_deletion(&self) {
        self.has_deleted.set(true);
    }
}

impl std::ops::Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

/// Handle to the writing thread, which ends when the queue is closed and empty.
pub(crate) struct Writer {
    queue: WriteQueue<Box<dyn Job>>,
    contents: Arc<ContentWatch>,
    room: Room,
}

impl Writer {
    pub(crate) fn start(
        path: &Path,
        (shm, announced): (Shm, Arc<Announced>),
        sink: Arc<dyn EventSink>,
        metrics: WriterMetrics,
    ) -> std::result::Result<Self, OpenError> {
        let (queue, mut jobs) = WriteQueue::new(QUEUE, &metrics);
        let mut log = Log::open(path, (shm, announced), sink, metrics)?;
        let contents = log.location.contents();
        let checkpointer = Checkpointer::start(log.location.clone(), log.metrics.outage.clone())
            .map_err(OpenError::Thread)?;
        let serve = move || {
            let mut batch = Vec::new();
            while jobs.next(&mut batch, BATCH) {
                let writes = batch.len();
                log.commit(std::mem::take(&mut batch));
                checkpointer.committed(&log.connection, writes, log.has_deleted.take());
            }
            drop(checkpointer);
            log.close();
        };
        queue.start("sqlite-write".into(), serve).map_err(OpenError::Thread)?;
        Ok(Self { queue, contents, room: Room::default() })
    }

    /// The watch over the file's contents, for the readers.
    pub(crate) fn contents(&self) -> Arc<ContentWatch> {
        self.contents.clone()
    }

    /// Queues a write at once, and waits until it is on disk. `work` must refuse before its first change, and may run
    /// again if another write of the same batch fails.
    pub(crate) fn write<T, F>(&self, work: F) -> impl Future<Output = chat_core::Result<T>>
    where
        T: Outcome + Send + 'static,
        F: FnMut(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        // Queues at once, so that the returned future does not contain a copy of the work.
        let queued = self.queue.send(Box::new(Write::new(work, reply)));
        async move {
            let written = answered(queued, result).await;
            self.room.note(&written, Instant::now);
            written
        }
    }

    /// Succeeds only if a message could be stored now.
    pub(crate) async fn probe(&self) -> chat_core::Result<()> {
        let (reply, result) = oneshot::channel();
        let queued = self.queue.send(Box::new(Write::new(probe::write, reply).asking_for_room()));
        answered(queued, result).await?;
        self.room.check(Instant::now())
    }

    /// Writes out what is queued, then closes the file. Blocks.
    pub(crate) fn close(&self) {
        self.queue.close();
    }
}

/// Waits for the answer to a queued job.
async fn answered<T>(
    queued: chat_core::Result<()>,
    result: oneshot::Receiver<chat_core::Result<T>>,
) -> chat_core::Result<T> {
    queued?;
    result.await.map_err(|_| Error::internal("a write was dropped"))?
}

/// State of the writing thread: its connection and the end of the log of changes.
struct Log {
    connection: Connection,
    shm: Shm,
    announced: Arc<Announced>,
    location: Location,
    /// Whether the file was not at its path at the last check.
    is_displaced: bool,
    position: Position,
    sink: Arc<dyn EventSink>,
    waits_briefly: bool,
    /// Whether a write since the last report to the checkpointer deleted something.
    has_deleted: Cell<bool>,
    metrics: WriterMetrics,
}

impl Log {
    fn open(
        path: &Path,
        (shm, announced): (Shm, Arc<Announced>),
        sink: Arc<dyn EventSink>,
        metrics: WriterMetrics,
    ) -> std::result::Result<Self, OpenError> {
        let sql_error = |error| OpenError::of(path, error);
        let connection = connect(path).map_err(sql_error)?;
        let position = stored_position(&connection).map_err(sql_error)?;
        // Not before the first read, which creates the WAL.
        let unwritable = |error| OpenError::Unwritable { path: path.to_owned(), error };
        let location = Location::of(path, announced.clone()).map_err(unwritable)?;
        let (is_displaced, waits_briefly, has_deleted) = (false, false, Cell::new(false));
        Ok(Self {
            connection,
            shm,
            announced,
            location,
            is_displaced,
            position,
            sink,
            waits_briefly,
            has_deleted,
            metrics,
        })
    }

    fn commit(&mut self, jobs: Vec<Box<dyn Job>>) {
        let mut jobs = self.without_jobs_that_lack_space(jobs);
        if jobs.is_empty() {
            return;
        }
        let begun = Instant::now();
        match self.transact(&mut jobs) {
            Ok(events) => {
                self.metrics.commit.observe(begun.elapsed().as_secs_f64());
                self.metrics.batch.observe(jobs.len() as f64);
                if self.waits_briefly {
                    self.waits_briefly(false);
                }
                failpoints::pass("after_commit");
                if !events.is_empty() {
                    self.announced.note(self.position);
                }
                self.sink.publish(&events);
                failpoints::pass("after_publish");
                // The file may have lost its name since the check before the commit.
                match self.check_path() {
                    Ok(()) => {
                        self.metrics.outage.served();
                        jobs.into_iter().for_each(|job| job.answer(Ok(())));
                    }
                    Err(failure) => self.refuse(jobs, &failure),
                }
                self.commit_late();
            }
            Err(Aborted::ByOne) if jobs.len() > 1 => {
                // One write failed half-way: each gets its own transaction, so that only that one is lost.
                jobs.into_iter().for_each(|job| self.commit(vec![job]));
            }
            Err(Aborted::ByOne) => jobs.into_iter().for_each(|job| job.answer(Ok(()))),
            Err(Aborted::ByStorage(failure)) => self.fail(jobs, &failure),
        }
    }

    /// Tests for space in a transaction of its own, so that a lack of it fails only the jobs that ask for space.
    fn without_jobs_that_lack_space(&mut self, jobs: Vec<Box<dyn Job>>) -> Vec<Box<dyn Job>> {
        if !jobs.iter().any(|job| job.asks_for_room()) {
            return jobs;
        }
        let found =
            self.prepare().and_then(|()| probe::take_room(&self.connection).map_err(|it| Failure::of(&it)));
        let Err(failure) = found else { return jobs };
        let (asking, others) = jobs.into_iter().partition(|job| job.asks_for_room());
        self.fail(asking, &failure);
        others
    }

    fn fail(&mut self, jobs: Vec<Box<dyn Job>>, failure: &Failure) {
        self.refuse(jobs, failure);
        self.reopen();
        self.waits_briefly(failure.is_busy);
    }

    fn refuse(&self, jobs: Vec<Box<dyn Job>>, failure: &Failure) {
        self.metrics.failures.inc();
        for job in jobs {
            self.metrics.outage.refused(&failure.reason);
            job.answer(Err(failure));
        }
    }

    /// Checks that the file is still at its path.
    fn check_path(&mut self) -> std::result::Result<(), Failure> {
        let Err(obstacle) = self.location.check() else {
            self.is_displaced = false;
            return Ok(());
        };
        if !std::mem::replace(&mut self.is_displaced, true) && obstacle != Obstacle::Overwritten {
            // The file keeps what was acknowledged, wherever it is now, rather than its WAL.
            checkpoint::empty(&self.connection);
        }
        Err(Failure { reason: self.location.describe(obstacle), obstacle: Some(obstacle), is_busy: false })
    }

    /// Checks that a transaction may begin.
    fn prepare(&mut self) -> std::result::Result<(), Failure> {
        self.check_path()?;
        self.shm.grow().map_err(|error| Failure::of(&error))
    }

    fn transact(&mut self, jobs: &mut [Box<dyn Job>]) -> std::result::Result<Vec<Arc<Event>>, Aborted> {
        self.prepare().map_err(Aborted::ByStorage)?;
        execute(&self.connection, "BEGIN IMMEDIATE")?;
        let is_alone = jobs.len() == 1;
        let mut position = self.position.0;
        let mut events = Vec::with_capacity(jobs.len());
        for job in jobs {
            let changes_before = self.connection.total_changes();
            let first = Position(position + 1);
            let result = job.run(&Tx {
                connection: &self.connection,
                position: first,
                has_deleted: &self.has_deleted,
            });
            if result.failed
                && (self.connection.total_changes() != changes_before || self.connection.is_autocommit())
            {
                let _ = execute(&self.connection, "ROLLBACK");
                let by_storage = result.storage.filter(|_| is_alone);
                return Err(by_storage.map_or(Aborted::ByOne, Aborted::ByStorage));
            }
            for change in result.changes {
                position += 1;
                events.push(Arc::new(Event { position: Position(position), change }));
                failpoints::pass("after_insert");
            }
        }
        let position = Position(position);
        if let Err(error) = self.finish(position, &events) {
            let _ = execute(&self.connection, "ROLLBACK");
            return Err(error.into());
        }
        self.position = position;
        Ok(events)
    }

    fn finish(&self, position: Position, events: &[Arc<Event>]) -> rusqlite::Result<()> {
        if position != self.position {
            let sql = "UPDATE log SET position = ?1,
                           last_message = max(last_message, coalesce((SELECT max(id) FROM messages), 0))
                       WHERE only_row = 1 AND position = ?2 RETURNING feed_readers";
            let mut statement = self.connection.prepare_cached(sql)?;
            let moved = statement.query_row([position.0, self.position.0], |row| row.get::<_, i64>(0));
            let Some(n_readers) = moved.optional()? else {
                // No other connection changes it, so the file was overwritten, for example by `.restore` in SQLite's
                // shell.
                self.location.contents().mark_overwritten();
                return Err(rusqlite::Error::StatementChangedRows(0));
            };
            if n_readers > 0 {
                feed::note(&self.connection, events)?;
            }
        }
        failpoints::pass("before_commit");
        if failpoints::is_broken(ACK_BEFORE_COMMIT) {
            return Ok(());
        }
        execute(&self.connection, "COMMIT")
    }

    /// The late commit of the injected fault.
    fn commit_late(&self) {
        if failpoints::is_broken(ACK_BEFORE_COMMIT) {
            std::thread::sleep(std::time::Duration::from_millis(5));
            let _ = execute(&self.connection, "COMMIT");
        }
    }

    /// A batch that waited behind one that waited in vain must not wait as long again.
    fn waits_briefly(&mut self, briefly: bool) {
        let wait = if briefly { LOCK_WAIT_AGAIN } else { LOCK_WAIT };
        self.waits_briefly = self.connection.busy_timeout(wait).is_ok() && briefly;
    }

    /// After a failed commit the connection cannot be trusted: a second fsync may succeed without having written what
    /// the first one failed on.
    fn reopen(&mut self) {
        // Another file may be at the path now.
        if self.is_displaced {
            return;
        }
        match connect(self.location.path())
            .and_then(|connection| Ok((stored_position(&connection)?, connection)))
        {
            Ok((position, connection)) => {
                self.connection = connection;
                self.position = position;
            }
            Err(error) => {
                tracing::debug!(error = %error, "could not reopen the database; retrying later")
            }
        }
    }

    fn close(self) {
        if self.location.check() == Err(Obstacle::Overwritten) {
            // Nothing of the WAL may go into the present file.
            let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            return;
        }
        let empty_wal = || {
            self.connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| Ok(row.get::<_, i64>(0)? == 0))
        };
        let closed = empty_wal().and_then(|is_all| {
            if is_all {
                served::unmark(&self.connection)?;
                empty_wal()?;
            }
            Ok(())
        });
        if let Err(error) = closed.and_then(|()| self.connection.close().map_err(|(_, error)| error)) {
            tracing::warn!(error = %error, "the write-ahead log stays beside the database until the next start");
        }
    }
}

/// Why a transaction was rolled back.
enum Aborted {
    ByOne,
    ByStorage(Failure),
}

impl From<rusqlite::Error> for Aborted {
    fn from(error: rusqlite::Error) -> Self {
        Self::ByStorage(Failure::of(&error))
    }
}

fn stored_position(connection: &Connection) -> rusqlite::Result<Position> {
    connection.query_row("SELECT position FROM log", (), |row| row.get(0)).map(Position)
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute(()).map(drop)
}

#[cfg(test)]
mod tests;
