//! The message log's engine: one thread owns the writing connection and commits whatever has queued up since the last
//! commit in one transaction, so that the batch grows with load while a lone write does not wait.
//!
//! Every transaction begins by locking the one row of `log`. So the transactions of all nodes follow each other, what one
//! reads no other changes before it commits, and the log's positions are given out in the order of the commits.
//! A write is answered, and its events are published, only after the commit that holds it is on disk (README, promise 1).
//! No statement of a feature may stand here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_core::event::Outcome;
use chat_core::ports::EventSink;
use chat_core::room::Room;
use chat_core::{Error, failpoints};
use chat_store::{WriteQueue, WriterMetrics};
use tokio::sync::oneshot;

use crate::connect::Address;
use crate::db::Db;
use crate::error::OpenError;
use crate::fault::{Fault, Result};
use crate::journal;
use crate::tx::Committed;
pub(crate) use crate::tx::Tx;

mod job;

pub(crate) use job::Batched;
use job::{Job, Pending, Reply, Turn, Write};

/// Writes that may wait before further ones are refused.
const QUEUE: usize = 8192;
/// Most writes in one transaction.
const BATCH: usize = 512;
/// How long a batch waits for the log's row.
const LOCK_WAIT_MS: u32 = 2000;
/// How long a write waits until it is begun; the writer may be held up by a database that does not answer.
const WAIT: Duration = Duration::from_secs(2);

/// What whoever gave up waiting is told.
const KEPT_WAITING: &str = "the database does not respond to the writer";
/// What those are told whose write may be gone.
const REPLACED: &str = "the database was replaced by another one";
const TRIM_EVERY: Duration = Duration::from_secs(5);

/// The handle to the writing thread, which ends when the queue is gone and empty.
pub(crate) struct Writer {
    queue: WriteQueue<Job>,
    metrics: WriterMetrics,
    room: Room,
}

impl Writer {
    /// Starts the thread; it connects when there is something to write.
    pub(crate) fn start(
        address: Address,
        sink: Arc<dyn EventSink>,
        metrics: WriterMetrics,
    ) -> std::result::Result<Self, OpenError> {
        let (queue, mut jobs) = WriteQueue::new(QUEUE, &metrics);
        let mut log = Log { address, db: None, sink, metrics: metrics.clone(), trimmed_at: Instant::now() };
        let serve = move || {
            let mut batch = Vec::new();
            while jobs.next(&mut batch, BATCH) {
                log.commit(std::mem::take(&mut batch));
                log.trim_journal();
            }
        };
        queue.start("postgres-write".into(), serve).map_err(OpenError::Thread)?;
        Ok(Self { queue, metrics, room: Room::default() })
    }

    /// Queues a write and waits until it is on disk. `work` must make its refusals before its first change, and may
    /// be run again if another write of the same batch fails.
    pub(crate) async fn write<T, F>(&self, work: F) -> chat_core::Result<T>
    where
        T: Outcome + Send + 'static,
        F: FnMut(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.noted(|reply| Box::new(Write::new(work, reply))).await
    }

    /// Succeeds only if this small write is stored now, and none was refused for lack of room a moment ago.
    pub(crate) async fn probe(&self, work: fn(&Tx<'_>) -> Result<()>) -> chat_core::Result<()> {
        self.queue(|reply| Box::new(Write::new(work, reply))).await?;
        self.room.check(Instant::now())
    }

    /// Queues a write that is stored together with others of its kind, and waits until it is on disk.
    pub(crate) async fn store<C: Batched>(&self, command: C) -> chat_core::Result<C::Outcome> {
        self.noted(|reply| Box::new(Pending::new(command, reply))).await
    }

    async fn noted<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> chat_core::Result<T> {
        let written = self.queue(job).await;
        self.room.note(&written, Instant::now);
        written
    }

    /// Queues a write and waits for what becomes of it, but not long for its beginning.
    async fn queue<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> chat_core::Result<T> {
        let (sender, mut outcome) = oneshot::channel();
        let turn = Turn::default();
        self.queue.send(job(Reply { turn: turn.clone(), sender }))?;
        let dropped = |_| Error::internal("a write was dropped");
        match tokio::time::timeout(WAIT, &mut outcome).await {
            Ok(told) => told.map_err(dropped)?,
            Err(_) if turn.give_up() => {
                self.metrics.refused.inc();
                self.metrics.outage.refused(&KEPT_WAITING);
                Err(Error::Unavailable(KEPT_WAITING.into()))
            }
            Err(_) => outcome.await.map_err(dropped)?,
        }
    }

    /// Writes out what is queued. Blocks.
    pub(crate) fn close(&self) {
        self.queue.close();
    }
}

/// The writing thread's side.
struct Log {
    address: Address,
    /// `None` after a failure, until the next write.
    db: Option<Db>,
    sink: Arc<dyn EventSink>,
    metrics: WriterMetrics,
    trimmed_at: Instant,
}

impl Log {
    fn commit(&mut self, mut jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let began = Instant::now();
        match self.transact(&mut jobs) {
            Ok(done) if !self.hands_on(&done) => {
                self.metrics.failures.inc();
                for job in jobs {
                    self.metrics.outage.refused(&REPLACED);
                    job.answer(Err(&Fault::Broken(REPLACED.into())));
                }
            }
            Ok(_) => {
                self.metrics.commit.observe(began.elapsed().as_secs_f64());
                self.metrics.batch.observe(f64::from(u32::try_from(jobs.len()).unwrap_or(u32::MAX)));
                self.metrics.outage.served();
                jobs.into_iter().for_each(|job| job.answer(Ok(())));
            }
            Err(Aborted::ByOne) if jobs.len() > 1 => {
                // One of them failed half-way: each gets a transaction of its own, so that only that one is lost.
                jobs.into_iter().for_each(|job| self.commit(vec![job]));
            }
            Err(Aborted::ByOne) => jobs.into_iter().for_each(|job| job.answer(Ok(()))),
            Err(Aborted::ByStorage(fault)) => {
                let reason = fault.reason();
                self.metrics.failures.inc();
                for job in jobs {
                    self.metrics.outage.refused(&reason);
                    job.answer(Err(&fault));
                }
                // Whether it was done after all is not known. A retry is recognised by its key, and the events of
                // what was done come to all nodes by the journal.
                self.db = None;
            }
        }
    }

    /// Tells of what was committed. `false`: by now the database is another one, which may not have it.
    fn hands_on(&self, Committed { events, epoch, mark }: &Committed) -> bool {
        let publish = || {
            failpoints::pass("after_commit");
            self.sink.publish(events);
            failpoints::pass("after_publish");
        };
        match self.address.lineage().filter(|_| !events.is_empty()) {
            Some(lineage) => lineage.publish(*epoch, *mark, publish),
            None => {
                publish();
                true
            }
        }
    }

    fn transact(&mut self, jobs: &mut Vec<Job>) -> std::result::Result<Committed, Aborted> {
        let db = match self.db.take().filter(|db| !db.is_broken()) {
            Some(db) => db,
            None => Db::connect(&self.address)?,
        };
        let done = Self::transact_on(&db, jobs);
        if done.is_err() && db.batch("ROLLBACK").is_err() {
            db.give_up();
        }
        self.db = Some(db);
        done
    }

    /// Lets go of the oldest part of the journal now and then; outside of transactions that others wait for.
    fn trim_journal(&mut self) {
        if self.trimmed_at.elapsed() < TRIM_EVERY {
            return;
        }
        self.trimmed_at = Instant::now();
        if let Some(Err(fault)) = self.db.as_ref().map(journal::trim) {
            tracing::warn!(error = %fault.reason(), "could not trim the journal; retrying later");
        }
    }

    fn transact_on(db: &Db, jobs: &mut Vec<Job>) -> std::result::Result<Committed, Aborted> {
        let tx = Tx::begin(db, LOCK_WAIT_MS)?;
        // Not before the database has answered: what comes now does not take long any more.
        jobs.retain(|job| job.turn().begin());
        run_all(&tx, jobs)?;
        failpoints::pass("before_commit");
        Ok(tx.commit()?)
    }
}

/// Runs the jobs in their order; those of a kind that follow each other are stored together.
fn run_all(tx: &Tx<'_>, jobs: &mut [Job]) -> std::result::Result<(), Aborted> {
    let is_alone = jobs.len() == 1;
    for run in jobs.chunk_by_mut(|one, next| one.kind().is_some() && one.kind() == next.kind()) {
        if let [first, rest @ ..] = run {
            first.run_with(rest, tx, is_alone)?;
        }
    }
    Ok(())
}

/// Why a transaction came to nothing.
enum Aborted {
    ByOne,
    ByStorage(Fault),
}

impl From<Fault> for Aborted {
    fn from(fault: Fault) -> Self {
        Self::ByStorage(fault)
    }
}
