//! The message log's engine: one thread owns the writing connection and commits whatever has queued up since the last
//! commit in one transaction, so that the batch grows with load while a lone write does not wait.
//!
//! A write is answered, and its events are published, only after the commit that holds it is on disk (promise 1).
//! No statement of a feature may stand here.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chat_core::event::{Change, Event, Outcome};
use chat_core::ids::Position;
use chat_core::ports::EventSink;
use chat_core::{Error, failpoints};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};

use crate::checkpoint::Checkpointer;
use crate::fault::{CLOSED, Fault, Result};
use crate::open::OpenError;
use chat_metrics::WriterMetrics;

/// Writes that may wait before further ones are refused.
const QUEUE: usize = 8192;
/// Most writes in one transaction.
const BATCH: usize = 512;
const CACHE_KIB: i64 = 64 * 1024;
/// How long a batch waits for somebody else's lock; and once one has waited in vain, how long those after it do.
const LOCK_WAIT: Duration = Duration::from_secs(5);
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

/// A queued write, its type forgotten. `run` may be called again after a rollback.
trait Job: Send {
    fn run(&mut self, tx: &Tx<'_>) -> Ran;
    /// Tells the caller: what `run` gave, or why there was no commit.
    fn answer(self: Box<Self>, commit: std::result::Result<(), &str>);
}

/// What one run of a job did.
struct Ran {
    changes: Vec<Change>,
    failed: bool,
}

struct Write<T, F> {
    work: F,
    result: Option<Result<T>>,
    reply: oneshot::Sender<chat_core::Result<T>>,
}

impl<T, F> Job for Write<T, F>
where
    T: Outcome + Send,
    F: FnMut(&Tx<'_>) -> Result<T> + Send,
{
    fn run(&mut self, tx: &Tx<'_>) -> Ran {
        let work = std::panic::AssertUnwindSafe(|| (self.work)(tx));
        let result = std::panic::catch_unwind(work)
            .unwrap_or_else(|_| Err(Fault::Refused(Error::internal("a write panicked"))));
        let changes = result.as_ref().map(Outcome::changes).unwrap_or_default();
        let ran = Ran { changes, failed: result.is_err() };
        self.result = Some(result);
        ran
    }

    fn answer(self: Box<Self>, commit: std::result::Result<(), &str>) {
        let answer = match (self.result, commit) {
            // Not even a refusal stands: its reason may have been a neighbour's change that came to nothing.
            (_, Err(reason)) => Err(Error::Unavailable(reason.into())),
            (Some(result), Ok(())) => result.map_err(Error::from),
            (None, Ok(())) => Err(Error::internal("a write was answered before it ran")),
        };
        // Nobody listens any more if the caller has gone; the write stands all the same.
        let _ = self.reply.send(answer);
    }
}

/// The handle to the writing thread, which ends when the queue is gone and empty.
pub(crate) struct Writer {
    queue: RwLock<Option<mpsc::Sender<Box<dyn Job>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    metrics: WriterMetrics,
}

impl Writer {
    pub(crate) fn start(
        path: &Path,
        sink: Arc<dyn EventSink>,
        metrics: WriterMetrics,
    ) -> std::result::Result<Self, OpenError> {
        let mut log = Log::open(path, sink, metrics.clone()).map_err(|error| OpenError::of(path, error))?;
        let (queue, mut jobs) = mpsc::channel::<Box<dyn Job>>(QUEUE);
        let checkpointer = Checkpointer::start(path).map_err(OpenError::Thread)?;
        let serve = move || {
            let mut batch = Vec::new();
            while jobs.blocking_recv_many(&mut batch, BATCH) > 0 {
                let writes = batch.len();
                log.metrics.waiting.dec_by(i64::try_from(writes).unwrap_or(0));
                log.commit(std::mem::take(&mut batch));
                checkpointer.committed(&log.connection, writes, log.forgets.take());
            }
            drop(checkpointer);
            log.close();
        };
        let thread = std::thread::Builder::new().name("sqlite-write".into()).spawn(serve);
        let thread = Mutex::new(Some(thread.map_err(OpenError::Thread)?));
        Ok(Self { queue: RwLock::new(Some(queue)), thread, metrics })
    }

    /// Queues a write and waits until it is on disk. `work` must make its refusals before its first change, and may
    /// be run again if another write of the same batch fails.
    pub(crate) async fn write<T, F>(&self, work: F) -> chat_core::Result<T>
    where
        T: Outcome + Send + 'static,
        F: FnMut(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        self.send(Box::new(Write { work, result: None, reply }))?;
        result.await.map_err(|_| Error::internal("a write was dropped"))?
    }

    fn send(&self, job: Box<dyn Job>) -> chat_core::Result<()> {
        // Counted before it can be taken, so that the count never falls below zero.
        self.metrics.waiting.inc();
        let sent = self.try_send(job);
        if let Err(error) = &sent {
            self.metrics.waiting.dec();
            if matches!(error, Error::Overloaded) {
                self.metrics.refused.inc();
            }
        }
        sent
    }

    fn try_send(&self, job: Box<dyn Job>) -> chat_core::Result<()> {
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        match queue.as_ref().map(|queue| queue.try_send(job)) {
            Some(Ok(())) => Ok(()),
            Some(Err(mpsc::error::TrySendError::Full(_))) => Err(Error::Overloaded),
            Some(Err(mpsc::error::TrySendError::Closed(_))) | None => Err(Error::Unavailable(CLOSED.into())),
        }
    }

    /// Writes out what is queued, then closes the file. Blocks.
    pub(crate) fn close(&self) {
        *self.queue.write().unwrap_or_else(PoisonError::into_inner) = None;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

/// The writing thread's side: its connection and the end of the log of changes.
struct Log {
    connection: Connection,
    path: PathBuf,
    position: Position,
    sink: Arc<dyn EventSink>,
    waits_shortly: bool,
    /// Whether a write since the last look has taken something away.
    forgets: Cell<bool>,
    metrics: WriterMetrics,
}

impl Log {
    fn open(path: &Path, sink: Arc<dyn EventSink>, metrics: WriterMetrics) -> rusqlite::Result<Self> {
        let connection = connect(path)?;
        let position = stored_position(&connection)?;
        let (path, forgets) = (path.to_owned(), Cell::new(false));
        Ok(Self { connection, path, position, sink, waits_shortly: false, forgets, metrics })
    }

    fn commit(&mut self, mut jobs: Vec<Box<dyn Job>>) {
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
                self.sink.publish(&events);
                failpoints::pass("after_publish");
                self.metrics.outage.served();
                jobs.into_iter().for_each(|job| job.answer(Ok(())));
                self.commit_late();
            }
            Err(Aborted::ByOne) if jobs.len() > 1 => {
                // One of them failed half-way: each gets a transaction of its own, so that only that one is lost.
                jobs.into_iter().for_each(|job| self.commit(vec![job]));
            }
            Err(Aborted::ByOne) => jobs.into_iter().for_each(|job| job.answer(Ok(()))),
            Err(Aborted::ByStorage(error)) => {
                self.metrics.failures.inc();
                let reason = error.to_string();
                for job in jobs {
                    self.metrics.outage.refused(&reason);
                    job.answer(Err(&reason));
                }
                self.reopen();
                self.waits_shortly(error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy));
            }
        }
    }

    fn transact(&mut self, jobs: &mut [Box<dyn Job>]) -> std::result::Result<Vec<Arc<Event>>, Aborted> {
        execute(&self.connection, "BEGIN IMMEDIATE")?;
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
                return Err(Aborted::ByOne);
            }
            for change in ran.changes {
                position += 1;
                events.push(Arc::new(Event { position: Position(position), change }));
                failpoints::pass("after_insert");
            }
        }
        let position = Position(position);
        if let Err(error) = self.finish(position) {
            let _ = execute(&self.connection, "ROLLBACK");
            return Err(error.into());
        }
        self.position = position;
        Ok(events)
    }

    fn finish(&self, position: Position) -> rusqlite::Result<()> {
        if position != self.position {
            let sql = "UPDATE log SET position = ?1 WHERE only_row = 1";
            self.connection.prepare_cached(sql)?.execute([position.0])?;
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
        match connect(&self.path).and_then(|connection| Ok((stored_position(&connection)?, connection))) {
            Ok((position, connection)) => {
                self.connection = connection;
                self.position = position;
            }
            Err(error) => {
                tracing::debug!(error = %error, "the database could not be opened again; trying later")
            }
        }
    }

    fn close(self) {
        let busy =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get::<_, i64>(0));
        if let Err(error) = busy.and_then(|_| self.connection.close().map_err(|(_, error)| error)) {
            tracing::warn!(error = %error, "the write-ahead log stays beside the database until the next start");
        }
    }
}

/// Why a transaction came to nothing.
enum Aborted {
    ByOne,
    ByStorage(rusqlite::Error),
}

impl From<rusqlite::Error> for Aborted {
    fn from(error: rusqlite::Error) -> Self {
        Self::ByStorage(error)
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.set_prepared_statement_cache_capacity(128);
    // Else a statement is prepared anew whenever its parameters differ from those it was first planned for.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = if failpoints::is_broken("sync_normal") { "NORMAL" } else { "FULL" };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    forget_what_is_deleted(&connection)?;
    // The checkpointer does it, on a connection of its own.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

/// What is deleted is overwritten, rather than left in space that is free for others.
pub(crate) fn forget_what_is_deleted(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "secure_delete", "ON")
}

fn stored_position(connection: &Connection) -> rusqlite::Result<Position> {
    connection.query_row("SELECT position FROM log", (), |row| row.get(0)).map(Position)
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute(()).map(drop)
}

#[cfg(test)]
mod tests;
