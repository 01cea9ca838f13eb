//! The message log's engine: one thread owns the writing connection and commits everything that has queued up
//! since the last commit in one transaction. So the batch grows with load, while a single write does not
//! wait.
//!
//! Every transaction begins by locking the one row of `log`. So the transactions of all nodes follow each
//! other, no other transaction changes what one has read before it commits, and the log's positions are given
//! out in the order of the commits.
//! A write is answered, and its events are published, only after its commit is on disk (README, promise 1).
//! No statement of a feature may be here.

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
use job::{Claim, Job, Pending, Reply, Write};

/// Upper bound for the number of waiting writes; further ones are refused.
const QUEUE: usize = 8192;
/// Upper bound for the number of writes in one transaction.
const BATCH: usize = 512;
/// Upper bound for the time that a batch waits for the log's row, in milliseconds.
const LOCK_WAIT_MS: u32 = 2000;
/// Upper bound for the time until a write begins; a database that does not answer may hold up the writer.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(2);

/// Error returned when a write times out in the queue.
const QUEUE_TIMED_OUT: &str = "the database does not respond to the writer";
/// Error returned when a committed write may have been lost.
const DATABASE_REPLACED: &str = "the database was replaced by another one";
const TRIM_EVERY: Duration = Duration::from_secs(5);

/// The handle to the writing thread, which ends when the queue is closed and empty.
pub(crate) struct Writer {
    queue: WriteQueue<Job>,
    metrics: WriterMetrics,
    room: Room,
}

impl Writer {
    /// Starts the thread. It connects when there is something to write.
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

    /// Queues a write and waits until it is on disk. `work` must make its refusals before its first change.
    /// It may run again if another write of the same batch fails.
    pub(crate) async fn write<T, F>(&self, work: F) -> chat_core::Result<T>
    where
        T: Outcome + Send + 'static,
        F: FnMut(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.queue_and_note(|reply| Box::new(Write::new(work, reply))).await
    }

    /// Succeeds only if this small write is stored now, and no write was refused for lack of space a moment
    /// ago.
    pub(crate) async fn probe(&self, work: fn(&Tx<'_>) -> Result<()>) -> chat_core::Result<()> {
        self.queue(|reply| Box::new(Write::new(work, reply))).await?;
        self.room.check(Instant::now())
    }

    /// Queues a write that is stored together with others of its kind, and waits until it is on disk.
    pub(crate) async fn store<C: Batched>(&self, command: C) -> chat_core::Result<C::Outcome> {
        self.queue_and_note(|reply| Box::new(Pending::new(command, reply))).await
    }

    async fn queue_and_note<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> chat_core::Result<T> {
        let written = self.queue(job).await;
        self.room.note(&written, Instant::now);
        written
    }

    /// Queues a write and waits for its outcome. Gives up if it does not begin soon.
    async fn queue<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> chat_core::Result<T> {
        let (sender, mut outcome) = oneshot::channel();
        let claim = Claim::default();
        self.queue.send(job(Reply { claim: claim.clone(), sender }))?;
        let dropped = |_| Error::internal("a write was dropped");
        match tokio::time::timeout(QUEUE_TIMEOUT, &mut outcome).await {
            Ok(answer) => answer.map_err(dropped)?,
            Err(_) if claim.give_up() => {
                self.metrics.refused.inc();
                self.metrics.outage.refused(&QUEUE_TIMED_OUT);
                Err(Error::Unavailable(QUEUE_TIMED_OUT.into()))
            }
            Err(_) => outcome.await.map_err(dropped)?,
        }
    }

    /// Writes the queued jobs. Blocks.
    pub(crate) fn close(&self) {
        self.queue.close();
    }
}

/// The writing thread's state.
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
            Ok(done) if !self.publish_committed(&done) => {
                self.metrics.failures.inc();
                for job in jobs {
                    self.metrics.outage.refused(&DATABASE_REPLACED);
                    job.answer(Err(&Fault::Broken(DATABASE_REPLACED.into())));
                }
            }
            Ok(_) => {
                self.metrics.commit.observe(began.elapsed().as_secs_f64());
                self.metrics.batch.observe(f64::from(u32::try_from(jobs.len()).unwrap_or(u32::MAX)));
                self.metrics.outage.served();
                jobs.into_iter().for_each(|job| job.answer(Ok(())));
            }
            Err(Aborted::ByOneWrite) if jobs.len() > 1 => {
                // One of them failed half-way: each gets a transaction of its own, so that only that one is
                // lost.
                jobs.into_iter().for_each(|job| self.commit(vec![job]));
            }
            Err(Aborted::ByOneWrite) => jobs.into_iter().for_each(|job| job.answer(Ok(()))),
            Err(Aborted::ByStorage(fault)) => {
                let reason = fault.reason();
                self.metrics.failures.inc();
                for job in jobs {
                    self.metrics.outage.refused(&reason);
                    job.answer(Err(&fault));
                }
                // The outcome of the transaction is unknown. A retry is recognised by its key. If it was
                // committed, the journal gives its events to all nodes.
                self.db = None;
            }
        }
    }

    /// Publishes the committed events. Returns `false` if the database was replaced meanwhile; the new one
    /// may not have them.
    fn publish_committed(&self, Committed { events, epoch, mark }: &Committed) -> bool {
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

    /// Deletes the oldest part of the journal now and then, outside of transactions that others wait for.
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
        // Claim the jobs only after the database has answered: from here on they do not take long any more.
        jobs.retain(|job| job.claim().begin());
        run_all(&tx, jobs)?;
        failpoints::pass("before_commit");
        Ok(tx.commit()?)
    }
}

/// Runs the jobs in their order. Consecutive jobs of one kind are stored together.
fn run_all(tx: &Tx<'_>, jobs: &mut [Job]) -> std::result::Result<(), Aborted> {
    let is_alone = jobs.len() == 1;
    for run in jobs.chunk_by_mut(|one, next| one.kind().is_some() && one.kind() == next.kind()) {
        if let [first, rest @ ..] = run {
            first.run_with(rest, tx, is_alone)?;
        }
    }
    Ok(())
}

/// Reason why a transaction was aborted.
enum Aborted {
    ByOneWrite,
    ByStorage(Fault),
}

impl From<Fault> for Aborted {
    fn from(fault: Fault) -> Self {
        Self::ByStorage(fault)
    }
}
