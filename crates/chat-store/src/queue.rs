//! A bounded queue in front of a store's threads. It refuses instead of waiting, its gauge never falls below zero, and
//! closing it lets the threads work off what is queued and joins them. The store defines what an item is.

use std::sync::{Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use chat_core::{Error, Result};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::mpsc;

use crate::{ReaderMetrics, WriterMetrics};

/// Reason of the `Unavailable` error of a closed store.
pub const CLOSED: &str = "the store is closed";

/// Queue of writes. One thread takes them in batches.
pub type WriteQueue<T> = Queue<mpsc::Sender<T>>;
/// Queue of reads. Several threads take one read each.
pub type ReadQueue<T> = Queue<crossbeam_channel::Sender<T>>;

/// The sending side of a bounded channel.
pub trait Sender {
    /// Type of the queued items.
    type Item;
    /// Sends without waiting. Returns `Overloaded` if the channel is full and `Unavailable` if the receivers are gone.
    fn try_send(&self, item: Self::Item) -> Result<()>;
}

impl<T> Sender for mpsc::Sender<T> {
    type Item = T;

    fn try_send(&self, item: T) -> Result<()> {
        self.try_send(item).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Overloaded,
            mpsc::error::TrySendError::Closed(_) => Error::Unavailable(CLOSED.into()),
        })
    }
}

impl<T> Sender for crossbeam_channel::Sender<T> {
    type Item = T;

    fn try_send(&self, item: T) -> Result<()> {
        self.try_send(item).map_err(|error| match error {
            crossbeam_channel::TrySendError::Full(_) => Error::Overloaded,
            crossbeam_channel::TrySendError::Disconnected(_) => Error::Unavailable(CLOSED.into()),
        })
    }
}

/// A bounded queue and the threads that take from it. The threads end when it is closed and empty. Dropping it closes
/// it.
pub struct Queue<S> {
    /// `None` once it is closed.
    sender: RwLock<Option<S>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    waiting: Gauge,
    refused: Counter,
}

/// Receiving side of a [`WriteQueue`], for the writing thread.
pub struct Batches<T> {
    receiver: mpsc::Receiver<T>,
    waiting: Gauge,
}

/// Receiving side of a [`ReadQueue`], for a reading thread. Clones share the queue.
pub struct Reads<T> {
    receiver: crossbeam_channel::Receiver<T>,
    waiting: Gauge,
}

// A derived `Clone` would require `T: Clone`.
impl<T> Clone for Reads<T> {
    fn clone(&self) -> Self {
        Self { receiver: self.receiver.clone(), waiting: self.waiting.clone() }
    }
}

impl<T> WriteQueue<T> {
    /// Creates a queue of at most `bound` writes, and its receiving side.
    pub fn new(bound: usize, metrics: &WriterMetrics) -> (Self, Batches<T>) {
        let (sender, receiver) = mpsc::channel(bound);
        let queue = Self::over(sender, &metrics.waiting, &metrics.refused);
        (queue, Batches { receiver, waiting: metrics.waiting.clone() })
    }
}

impl<T> ReadQueue<T> {
    /// Creates a queue of at most `bound` reads, and its receiving side.
    pub fn new(bound: usize, metrics: &ReaderMetrics) -> (Self, Reads<T>) {
        let (sender, receiver) = crossbeam_channel::bounded(bound);
        let queue = Self::over(sender, &metrics.waiting, &metrics.refused);
        (queue, Reads { receiver, waiting: metrics.waiting.clone() })
    }
}

impl<S> Queue<S> {
    fn over(sender: S, waiting: &Gauge, refused: &Counter) -> Self {
        Self {
            sender: RwLock::new(Some(sender)),
            threads: Mutex::default(),
            waiting: waiting.clone(),
            refused: refused.clone(),
        }
    }

    /// Starts a thread that takes from the queue until the queue is closed and empty.
    ///
    /// # Errors
    /// If the system cannot start a thread.
    pub fn start(&self, name: String, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let thread = std::thread::Builder::new().name(name).spawn(work)?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    /// Whether the queue is closed: it takes nothing more.
    pub fn is_closed(&self) -> bool {
        self.sender.read().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Refuses new items, and blocks until the threads have worked off what is queued and have ended.
    pub fn close(&self) {
        *self.sender.write().unwrap_or_else(PoisonError::into_inner) = None;
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let _ = thread.join();
        }
    }
}

impl<S: Sender> Queue<S> {
    /// Queues an item without waiting.
    ///
    /// # Errors
    /// `Overloaded` if the queue is full, `Unavailable` if it is closed.
    pub fn send(&self, item: S::Item) -> Result<()> {
        // Counts the item before a thread can take it, so that the gauge never falls below zero.
        self.waiting.inc();
        let sent = self.try_send(item);
        if let Err(error) = &sent {
            self.waiting.dec();
            if matches!(error, Error::Overloaded) {
                self.refused.inc();
            }
        }
        sent
    }

    fn try_send(&self, item: S::Item) -> Result<()> {
        match &*self.sender.read().unwrap_or_else(PoisonError::into_inner) {
            Some(sender) => sender.try_send(item),
            None => Err(Error::Unavailable(CLOSED.into())),
        }
    }
}

impl<S> Drop for Queue<S> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<T> Batches<T> {
    /// Blocks until something is queued, and takes at most `most` items. `false` means that the queue is closed and
    /// empty.
    pub fn next(&mut self, batch: &mut Vec<T>, most: usize) -> bool {
        let taken = self.receiver.blocking_recv_many(batch, most);
        self.waiting.dec_by(i64::try_from(taken).unwrap_or(0));
        taken > 0
    }
}

impl<T> Reads<T> {
    /// Blocks until something is queued, and takes one item. `None` means that the queue is closed and empty.
    pub fn next(&self) -> Option<T> {
        let read = self.receiver.recv().ok()?;
        self.waiting.dec();
        Some(read)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// A sender that fails unless the item is counted before it is sent.
    struct Strict(Gauge);

    impl Sender for Strict {
        type Item = i64;

        fn try_send(&self, expected: i64) -> Result<()> {
            assert_eq!(self.0.get(), expected, "counted before it can be taken");
            Ok(())
        }
    }

    #[test]
    fn an_item_is_counted_before_it_can_be_taken() {
        let waiting = Gauge::default();
        let queue = Queue::over(Strict(waiting.clone()), &waiting, &Counter::default());
        queue.send(1).unwrap();
        queue.send(2).unwrap();
    }

    #[test]
    fn a_full_queue_refuses_and_counts_what_it_has() {
        let metrics = WriterMetrics::default();
        let (queue, mut batches) = WriteQueue::new(2, &metrics);
        queue.send('a').unwrap();
        queue.send('b').unwrap();
        assert!(matches!(queue.send('c'), Err(Error::Overloaded)));
        assert_eq!((metrics.waiting.get(), metrics.refused.get()), (2, 1));
        let mut batch = Vec::new();
        assert!(batches.next(&mut batch, 1));
        assert_eq!((batch.as_slice(), metrics.waiting.get()), (['a'].as_slice(), 1));
        queue.send('d').unwrap();
        batch.clear();
        assert!(batches.next(&mut batch, 8));
        assert_eq!((batch.as_slice(), metrics.waiting.get()), (['b', 'd'].as_slice(), 0));
    }

    #[test]
    fn closing_lets_threads_take_what_is_queued_and_refuses_the_rest() {
        let metrics = ReaderMetrics::default();
        let (queue, reads) = ReadQueue::new(8, &metrics);
        for number in 0..8 {
            queue.send(number).unwrap();
        }
        assert!(matches!(queue.send(8), Err(Error::Overloaded)));
        let (taken, all) = channel();
        for thread in 0..2 {
            let (reads, taken) = (reads.clone(), taken.clone());
            let work = move || {
                while let Some(number) = reads.next() {
                    taken.send(number).unwrap();
                }
            };
            queue.start(format!("thread {thread}"), work).unwrap();
        }
        drop(taken);
        assert!(!queue.is_closed());
        queue.close();
        assert!(queue.is_closed());
        assert!(matches!(queue.send(9), Err(Error::Unavailable(reason)) if reason.to_string() == CLOSED));
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_unstable();
        assert_eq!(all, Vec::from_iter(0..8));
        assert_eq!((metrics.waiting.get(), metrics.refused.get()), (0, 1));
    }

    #[test]
    fn a_queue_whose_threads_are_gone_takes_nothing() {
        let (queue, batches) = WriteQueue::new(1, &WriterMetrics::default());
        drop(batches);
        assert!(matches!(queue.send(1), Err(Error::Unavailable(_))));
    }
}
