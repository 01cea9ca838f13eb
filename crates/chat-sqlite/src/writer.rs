//! The message log's engine: one thread owns the writing connection and commits whatever has queued up since the last
//! commit in one transaction, so that the batch grows with load while a lone write does not wait.
//!
//! A write is answered, and its events are published, only after the commit that holds it is on disk (README, promise 1).
//! No statement of a feature may stand here.

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

use crate::checkpoint::{self, Checkpointer};
use crate::error::OpenError;
use crate::fault::Result;
use crate::feed;
use crate::overwritten::Contents;
use crate::place::Place;
use crate::probe;
use crate::served;
use crate::shm::Shm;
use crate::told::Told;

mod connection;
mod job;

use connection::LOCK_WAIT;
pub(crate) use connection::{connect, forget_what_is_deleted};
use job::{Failure, Job, Write};

/// Writes that may wait before further ones are refused.
const QUEUE: usize = 8192;
/// Most writes in one transaction.
const BATCH: usize = 512;
/// Once a batch has waited for somebody else's lock in vain, how long those after it do.
const LOCK_WAIT_AGAIN: Duration = Duration::from_millis(100);
/// A way in which tests break the server.
const ACK_BEFORE_COMMIT: &str = "ack_before_commit";

/// What a write works with: the open transaction, and the place in the log that its first change will have; further
/// ones of the same write have the next places.
pub(crate) struct Tx<'a> {
    connection: &'a Connection,
    /// The position of this write's first change.
    pub(crate) position: Position,
    forgets: &'a Cell<bool>,
}

impl Tx<'_> {
    /// To be called by a write that takes away something that somebody wrote: what the write-ahead log still has of it
    /// then goes soon. The database file itself keeps nothing that was deleted, see `secure_delete`.
    pub(crate) fn forgets(&self) {
        self.forgets.set(true);
    }
}

impl std::ops::Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

/// The handle to the writing thread, which ends when the queue is gone and empty.
pub(crate) struct Writer {
    queue: WriteQueue<Box<dyn Job>>,
    contents: Arc<Contents>,
    room: Room,
}

impl Writer {
    pub(crate) fn start(
        path: &Path,
        (shm, told): (Shm, Arc<Told>),
        sink: Arc<dyn EventSink>,
        metrics: WriterMetrics,
    ) -> std::result::Result<Self, OpenError> {
        let (queue, mut jobs) = WriteQueue::new(QUEUE, &metrics);
        let mut log = Log::open(path, (shm, told), sink, metrics)?;
        let contents = log.place.contents();
        let checkpointer =
            Checkpointer::start(log.place.clone(), log.metrics.outage.clone()).map_err(OpenError::Thread)?;
        let serve = move || {
            let mut batch = Vec::new();
            while jobs.next(&mut batch, BATCH) {
                let writes = batch.len();
                log.commit(std::mem::take(&mut batch));
                checkpointer.committed(&log.connection, writes, log.forgets.take());
            }
            drop(checkpointer);
            log.close();
        };
        queue.start("sqlite-write".into(), serve).map_err(OpenError::Thread)?;
        Ok(Self { queue, contents, room: Room::default() })
    }

    /// What the file holds, for those who read from it.
    pub(crate) fn contents(&self) -> Arc<Contents> {
        self.contents.clone()
    }

    /// Queues a write at once, and waits until it is on disk. `work` must make its refusals before its first change, and may
    /// be run again if another write of the same batch fails.
    pub(crate) fn write<T, F>(&self, work: F) -> impl Future<Output = chat_core::Result<T>>
    where
        T: Outcome + Send + 'static,
        F: FnMut(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        // At once, so that what is waited for has no copy of the work in it.
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

/// What became of a job that was to be queued.
async fn answered<T>(
    queued: chat_core::Result<()>,
    result: oneshot::Receiver<chat_core::Result<T>>,
) -> chat_core::Result<T> {
    queued?;
    result.await.map_err(|_| Error::internal("a write was dropped"))?
}

/// The writing thread's side: its connection and the end of the log of changes.
struct Log {
    connection: Connection,
    shm: Shm,
    told: Arc<Told>,
    place: Place,
    /// Whether the file was not in its place when it was last looked for.
    is_astray: bool,
    position: Position,
    sink: Arc<dyn EventSink>,
    waits_shortly: bool,
    /// Whether a write since the last look has taken something away.
    forgets: Cell<bool>,
    metrics: WriterMetrics,
}

impl Log {
    fn open(
        path: &Path,
        (shm, told): (Shm, Arc<Told>),
        sink: Arc<dyn EventSink>,
        metrics: WriterMetrics,
    ) -> std::result::Result<Self, OpenError> {
        let sql_error = |error| OpenError::of(path, error);
        let connection = connect(path).map_err(sql_error)?;
        let position = stored_position(&connection).map_err(sql_error)?;
        // Not before: its log is made by the first who reads.
        let unwritable = |source| OpenError::Unwritable { path: path.to_owned(), source };
        let place = Place::of(path, told.clone()).map_err(unwritable)?;
        let (is_astray, waits_shortly, forgets) = (false, false, Cell::new(false));
        Ok(Self { connection, shm, told, place, is_astray, position, sink, waits_shortly, forgets, metrics })
    }

    fn commit(&mut self, jobs: Vec<Box<dyn Job>>) {
        let mut jobs = self.without_those_who_find_no_room(jobs);
        if jobs.is_empty() {
            return;
        }
        let begun = Instant::now();
        match self.transact(&mut jobs) {
            Ok(events) => {
                self.metrics.commit.observe(begun.elapsed().as_secs_f64());
                self.metrics.batch.observe(jobs.len() as f64);
                if self.waits_shortly {
                    self.waits_shortly(false);
                }
                failpoints::pass("after_commit");
                if !events.is_empty() {
                    self.told.note(self.position);
                }
                self.sink.publish(&events);
                failpoints::pass("after_publish");
                // What was stored this moment may lie in a file that has lost its name meanwhile.
                match self.look() {
                    Ok(()) => {
                        self.metrics.outage.served();
                        jobs.into_iter().for_each(|job| job.answer(Ok(())));
                    }
                    Err(failure) => self.refuse(jobs, &failure),
                }
                self.commit_late();
            }
            Err(Aborted::ByOne) if jobs.len() > 1 => {
                // One of them failed half-way: each gets a transaction of its own, so that only that one is lost.
                jobs.into_iter().for_each(|job| self.commit(vec![job]));
            }
            Err(Aborted::ByOne) => jobs.into_iter().for_each(|job| job.answer(Ok(()))),
            Err(Aborted::ByStorage(failure)) => self.fail(jobs, &failure),
        }
    }

    /// In a transaction of its own, so that nobody who asks for no room is refused for want of it.
    fn without_those_who_find_no_room(&mut self, jobs: Vec<Box<dyn Job>>) -> Vec<Box<dyn Job>> {
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
        self.waits_shortly(failure.is_busy);
    }

    fn refuse(&self, jobs: Vec<Box<dyn Job>>, failure: &Failure) {
        self.metrics.failures.inc();
        for job in jobs {
            self.metrics.outage.refused(&failure.reason);
            job.answer(Err(failure));
        }
    }

    /// Whether the file is still where it was.
    fn look(&mut self) -> std::result::Result<(), Failure> {
        let Err(obstacle) = self.place.check() else {
            self.is_astray = false;
            return Ok(());
        };
        if !std::mem::replace(&mut self.is_astray, true) && obstacle != Obstacle::Overwritten {
            // What was acknowledged goes with the file, wherever it is, rather than with its log.
            checkpoint::empty(&self.connection);
        }
        Err(Failure { reason: self.place.describe(obstacle), obstacle: Some(obstacle), is_busy: false })
    }

    /// Whether a transaction may begin.
    fn prepare(&mut self) -> std::result::Result<(), Failure> {
        self.look()?;
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
            let ran = job.run(&Tx { connection: &self.connection, position: first, forgets: &self.forgets });
            if ran.failed
                && (self.connection.total_changes() != changes_before || self.connection.is_autocommit())
            {
                let _ = execute(&self.connection, "ROLLBACK");
                let by_storage = ran.storage.filter(|_| is_alone);
                return Err(by_storage.map_or(Aborted::ByOne, Aborted::ByStorage));
            }
            for change in ran.changes {
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
            let sql =
                "UPDATE log SET position = ?1 WHERE only_row = 1 AND position = ?2 RETURNING feed_readers";
            let mut statement = self.connection.prepare_cached(sql)?;
            let moved = statement.query_row([position.0, self.position.0], |row| row.get::<_, i64>(0));
            let Some(n_readers) = moved.optional()? else {
                // Nobody else moves it, so this is another content, such as `.restore` of SQLite's shell leaves.
                self.place.contents().condemn();
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

    /// The commit of a server that a test has broken so that it answers first.
    fn commit_late(&self) {
        if failpoints::is_broken(ACK_BEFORE_COMMIT) {
            std::thread::sleep(std::time::Duration::from_millis(5));
            let _ = execute(&self.connection, "COMMIT");
        }
    }

    /// Whoever waited behind a batch that waited in vain must not wait as long once more.
    fn waits_shortly(&mut self, shortly: bool) {
        let wait = if shortly { LOCK_WAIT_AGAIN } else { LOCK_WAIT };
        self.waits_shortly = self.connection.busy_timeout(wait).is_ok() && shortly;
    }

    /// After a failed commit the state of the handle is not to be trusted: a second fsync may succeed without having
    /// written what the first one failed on.
    fn reopen(&mut self) {
        // Another file may be there in its place.
        if self.is_astray {
            return;
        }
        match connect(self.place.path())
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
        if self.place.check() == Err(Obstacle::Overwritten) {
            // Nothing of it goes into what is in the file now.
            let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            return;
        }
        let put_away = || {
            self.connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| Ok(row.get::<_, i64>(0)? == 0))
        };
        let closed = put_away().and_then(|is_all| {
            if is_all {
                served::end(&self.connection)?;
                put_away()?;
            }
            Ok(())
        });
        if let Err(error) = closed.and_then(|()| self.connection.close().map_err(|(_, error)| error)) {
            tracing::warn!(error = %error, "the write-ahead log stays beside the database until the next start");
        }
    }
}

/// Why a transaction came to nothing.
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
