//! Reads: a few threads, each with a connection of its own, so that no read waits for the writer. The only
//! writes allowed here are those that no log records: tickets, and trimming derived data.

use std::time::{Duration, Instant};

use chat_core::Error;
use chat_store::{Lane, ReadQueue, ReaderMetrics, Reads, catch_panic};
use tokio::sync::oneshot;

use crate::connect::Address;
use crate::db::Db;
use crate::error::OpenError;
use crate::fault::{Fault, Result};

/// Upper bound for the number of waiting reads; further ones are refused.
const QUEUE: usize = 4096;
/// Upper bound for the time that a read waits for a connection.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(2);
/// After a failed connection, time in which no other is attempted.
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);

type Read = Box<dyn FnOnce(Result<&Db>) -> bool + Send>;

/// The pool of reading threads. They end when the queue is closed and empty.
pub(crate) struct Readers {
    queue: ReadQueue<Read>,
    n_threads: usize,
    metrics: ReaderMetrics,
}

impl Readers {
    /// Starts `count` threads. Each connects when there is something to read.
    pub(crate) fn start(
        address: &Address,
        count: usize,
        metrics: ReaderMetrics,
    ) -> std::result::Result<Self, OpenError> {
        let count = count.max(1);
        let (queue, reads) = ReadQueue::new(QUEUE, count, &metrics);
        for (number, reads) in reads.into_iter().enumerate() {
            let (address, metrics) = (address.clone(), metrics.clone());
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
        self.ask(Lane::Request, read, true).await
    }

    /// Same as [`Readers::read`], for a read that waits in this lane.
    pub(crate) async fn read_in<T, F>(&self, lane: Lane, read: F) -> chat_core::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T> + Send + 'static,
    {
        self.ask(lane, read, true).await
    }

    /// Same as [`Readers::read`], for a read whose failure says nothing about other reads.
    pub(crate) async fn try_out<T, F>(&self, read: F) -> chat_core::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T> + Send + 'static,
    {
        self.ask(Lane::Request, read, false).await
    }

    async fn ask<T, F>(&self, lane: Lane, read: F, is_noted: bool) -> chat_core::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T> + Send + 'static,
    {
        let (begin, begun) = oneshot::channel();
        let (reply, result) = oneshot::channel();
        let read: Read = Box::new(move |db| {
            // The caller has given up or is gone, so nobody needs the result.
            if begin.send(()).is_err() {
                return false;
            }
            let answer = db.and_then(|db| catch_panic("a read panicked", || read(db)));
            let is_broken = matches!(&answer, Err(fault) if fault.is_temporary());
            let _ = reply.send(answer);
            is_broken
        });
        self.queue.send((lane, read))?;
        match tokio::time::timeout(QUEUE_TIMEOUT, begun).await {
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

    /// Returns the upper bound for the number of connections.
    pub(crate) fn n_threads(&self) -> usize {
        self.n_threads
    }

    /// Ends the threads after the waiting reads. Blocks.
    pub(crate) fn close(&self) {
        self.queue.close();
    }
}

fn serve(address: &Address, reads: &Reads<Read>, metrics: &ReaderMetrics) {
    let mut session: Option<Db> = None;
    let mut not_before = Instant::now();
    while let Some(read) = reads.next() {
        if session.as_ref().is_none_or(Db::is_broken) {
            session = None;
            if Instant::now() < not_before {
                read(Err(Fault::Broken("the database cannot be reached".into())));
                continue;
            }
            match Db::connect(address) {
                Ok(db) => session = Some(db),
                Err(fault) => {
                    not_before = Instant::now() + RECONNECT_PAUSE;
                    tracing::debug!(error = %fault.reason(), "no connection to the database");
                    read(Err(fault));
                    continue;
                }
            }
        }
        if let Some(db) = &session {
            // A session that failed in this way may be in the middle of a statement.
            metrics.under_way.inc();
            let is_broken = read(Ok(db));
            metrics.under_way.dec();
            if is_broken {
                metrics.failures.inc();
                session = None;
            }
        }
    }
}
