//! Reads: a few threads, each with a connection of its own, so that no read waits for the writer. Nothing may be written
//! here but what belongs to no log: tickets, the trimming of what is derived.

use std::time::{Duration, Instant};

use chat_core::Error;
use chat_store::{ReadQueue, ReaderMetrics, Reads, caught};
use tokio::sync::oneshot;

use crate::connect::Address;
use crate::db::Db;
use crate::error::OpenError;
use crate::fault::{Fault, Result};

/// Reads that may wait before further ones are refused.
const QUEUE: usize = 4096;
/// How long a read waits for a connection.
const WAIT: Duration = Duration::from_secs(2);
/// After a connection could not be made, for how long no other is tried for.
const PAUSE: Duration = Duration::from_millis(200);

type Read = Box<dyn FnOnce(Result<&Db>) -> bool + Send>;

/// The pool of reading threads, which end when the queue is gone and empty.
pub(crate) struct Readers {
    queue: ReadQueue<Read>,
    n_threads: usize,
    metrics: ReaderMetrics,
}

impl Readers {
    /// Starts so many threads; each connects when there is something to read.
    pub(crate) fn start(
        address: &Address,
        count: usize,
        metrics: ReaderMetrics,
    ) -> std::result::Result<Self, OpenError> {
        let (queue, reads) = ReadQueue::new(QUEUE, &metrics);
        let count = count.max(1);
        for number in 0..count {
            let (address, reads, metrics) = (address.clone(), reads.clone(), metrics.clone());
            let serve = move || serve(&address, &reads, &metrics);
            queue.start(format!("postgres-read-{number}"), serve).map_err(OpenError::Thread)?;
        }
        Ok(Self { queue, n_threads: count, metrics })
    }

    /// Runs `read` on one of the threads.
    pub(crate) async fn read<T, F>(&self, read: F) -> chat_core::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T> + Send + 'static,
    {
        self.ask(read, true).await
    }

    /// The same, for what says nothing of other reads if it fails.
    pub(crate) async fn try_out<T, F>(&self, read: F) -> chat_core::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T> + Send + 'static,
    {
        self.ask(read, false).await
    }

    async fn ask<T, F>(&self, read: F, is_noted: bool) -> chat_core::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T> + Send + 'static,
    {
        let (begin, begun) = oneshot::channel();
        let (reply, result) = oneshot::channel();
        let read: Read = Box::new(move |db| {
            // Whoever has given up, or gone, wants nothing read.
            if begin.send(()).is_err() {
                return false;
            }
            let answer = db.and_then(|db| caught("a read panicked", || read(db)));
            let is_broken = matches!(&answer, Err(fault) if fault.is_passing());
            let _ = reply.send(answer);
            is_broken
        });
        self.queue.send(read)?;
        match tokio::time::timeout(WAIT, begun).await {
            Ok(Ok(())) => {
                let answer = result.await.map_err(|_| Error::internal("a read was dropped"))?;
                let answer = answer.map_err(Error::from);
                if is_noted {
                    self.metrics.outage.note(&answer);
                }
                answer
            }
            Ok(Err(_)) => Err(Error::internal("a read was dropped")),
            Err(_) => {
                self.metrics.refused.inc();
                Err(Error::Overloaded)
            }
        }
    }

    /// How many connections there may be.
    pub(crate) fn n_threads(&self) -> usize {
        self.n_threads
    }

    /// Ends the threads after the reads that wait. Blocks.
    pub(crate) fn close(&self) {
        self.queue.close();
    }
}

fn serve(address: &Address, reads: &Reads<Read>, metrics: &ReaderMetrics) {
    let mut kept: Option<Db> = None;
    let mut not_before = Instant::now();
    while let Some(read) = reads.next() {
        if kept.as_ref().is_none_or(Db::is_broken) {
            kept = None;
            if Instant::now() < not_before {
                read(Err(Fault::Broken("the database cannot be reached".into())));
                continue;
            }
            match Db::connect(address) {
                Ok(db) => kept = Some(db),
                Err(fault) => {
                    not_before = Instant::now() + PAUSE;
                    tracing::debug!(error = %fault.reason(), "no connection to the database");
                    read(Err(fault));
                    continue;
                }
            }
        }
        if let Some(db) = &kept {
            // A session that failed in this way may be in the middle of something.
            metrics.under_way.inc();
            let is_broken = read(Ok(db));
            metrics.under_way.dec();
            if is_broken {
                metrics.failures.inc();
                kept = None;
            }
        }
    }
}
