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
pub type ReadQueue<T> = Queue<Lanes<T>>;

/// The lane in which a read waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Somebody waits for this one read.
    Request,
    /// One of the many reads of a client that catches up. While there are several threads, one never takes these.
    CatchUp,
}

impl Lane {
    /// Returns the lane of a page of what a client missed. Most clients missed less than a page: its first page is a
    /// request like any other, and only a client that needs more of them waits behind others.
    pub fn of_page(is_first: bool) -> Self {
        if is_first { Self::Request } else { Self::CatchUp }
    }
}

/// The sending side of a [`ReadQueue`].
pub struct Lanes<T> {
    requests: crossbeam_channel::Sender<T>,
    catch_up: crossbeam_channel::Sender<T>,
}

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

impl<T> Sender for Lanes<T> {
    type Item = (Lane, T);

    fn try_send(&self, (lane, item): (Lane, T)) -> Result<()> {
        let sender = match lane {
            Lane::Request => &self.requests,
            Lane::CatchUp => &self.catch_up,
        };
        sender.try_send(item).map_err(|error| match error {
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

/// Receiving side of a [`ReadQueue`], for a reading thread. All of them share the queue.
pub struct Reads<T> {
    requests: crossbeam_channel::Receiver<T>,
    /// `None` for the thread that takes requests only.
    catch_up: Option<crossbeam_channel::Receiver<T>>,
    waiting: Gauge,
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
    /// Creates a queue of at most `bound` reads in each lane, and its receiving sides for `n_threads` threads, at least
    /// one.
    pub fn new(bound: usize, n_threads: usize, metrics: &ReaderMetrics) -> (Self, Vec<Reads<T>>) {
        let (requests, requests_taken) = crossbeam_channel::bounded(bound);
        let (catch_up, catch_up_taken) = crossbeam_channel::bounded(bound);
        let queue = Self::over(Lanes { requests, catch_up }, &metrics.waiting, &metrics.refused);
        let n_threads = n_threads.max(1);
        let reads = |number| Reads {
            requests: requests_taken.clone(),
            catch_up: (number > 0 || n_threads == 1).then(|| catch_up_taken.clone()),
            waiting: metrics.waiting.clone(),
        };
        (queue, (0..n_threads).map(reads).collect())
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
    /// Blocks until something is queued that this thread may take, and takes one item. If something waits in both lanes,
    /// it takes from either, so that neither lane waits for the other to be empty. `None` means that the queue is closed
    /// and empty.
    pub fn next(&self) -> Option<T> {
        let read = match &self.catch_up {
            // Both lanes are closed at the same time. What is in the other one is still taken.
            Some(catch_up) => crossbeam_channel::select! {
                recv(self.requests) -> read => read.or_else(|_| catch_up.recv()),
                recv(catch_up) -> read => read.or_else(|_| self.requests.recv()),
            },
            None => self.requests.recv(),
        };
        let read = read.ok()?;
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
        let (queue, reads) = ReadQueue::new(8, 2, &metrics);
        for number in 0..8 {
            queue.send((Lane::Request, number)).unwrap();
            queue.send((Lane::CatchUp, number + 8)).unwrap();
        }
        for lane in [Lane::Request, Lane::CatchUp] {
            assert!(matches!(queue.send((lane, 16)), Err(Error::Overloaded)));
        }
        let (taken, all) = channel();
        for (thread, reads) in reads.into_iter().enumerate() {
            let taken = taken.clone();
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
        assert!(
            matches!(queue.send((Lane::Request, 9)), Err(Error::Unavailable(reason)) if reason.to_string() == CLOSED)
        );
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_unstable();
        assert_eq!(all, Vec::from_iter(0..16));
        assert_eq!((metrics.waiting.get(), metrics.refused.get()), (0, 2));
    }

    #[test]
    fn one_of_several_threads_takes_requests_only_and_a_lone_one_takes_all() {
        let metrics = ReaderMetrics::default();
        for n_threads in [1, 2, 3] {
            let (queue, reads) = ReadQueue::new(8, n_threads, &metrics);
            queue.send((Lane::CatchUp, 'c')).unwrap();
            queue.send((Lane::Request, 'r')).unwrap();
            assert_eq!(reads.len(), n_threads);
            if n_threads > 1 {
                assert_eq!(reads[0].next(), Some('r'));
                assert_eq!(reads[n_threads - 1].next(), Some('c'));
            } else {
                let mut both = [reads[0].next(), reads[0].next()];
                both.sort_unstable();
                assert_eq!(both, [Some('c'), Some('r')]);
            }
        }
    }

    #[test]
    fn a_queue_whose_threads_are_gone_takes_nothing() {
        let (queue, batches) = WriteQueue::new(1, &WriterMetrics::default());
        drop(batches);
        assert!(matches!(queue.send(1), Err(Error::Unavailable(_))));
    }
}
