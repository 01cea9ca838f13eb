//! Searching messages. A table of its own holds the words of each message, and a thread of its own updates
//! it.
//!
//! The index is derived data and may lag behind the log by a moment. No write ever waits for it. A result is
//! shown only after the other tables have confirmed that the reader may see it. If searching is switched off,
//! nothing is indexed; once it is on again, the index catches up.

mod expression;
mod finder;
mod indexer;
mod words;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use chat_core::Result;
use chat_core::event::{Event, Signal};
use chat_core::ids::UserId;
use chat_core::messages::Message;
use chat_core::ports::EventSink;
use chat_core::search::{self, Search, SearchStore};
use chat_core::sync::Cursor;
use chat_store::{Outage, ReaderMetrics, SearchLag};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::connect::Address;
use crate::error::OpenError;
use crate::reader::Readers;
use crate::{Postgres, load};

/// Number of threads that search. They are separate from the threads of other reads, which must not wait for
/// an expensive query.
const READERS: usize = 2;

#[async_trait]
impl SearchStore for Postgres {
    async fn search(&self, reader: UserId, wanted: Search) -> Result<Vec<Message>> {
        let index = search::index(self.search.as_ref())?;
        index
            .readers
            .read(move |db| {
                db.snapshot(|db| {
                    let ids = finder::find(db, reader, &wanted)?;
                    load::load(db, &ids, Some(reader))
                })
            })
            .await
    }
}

/// The indexing thread's side of the signal that something was committed.
pub(crate) struct CommitSignal {
    woken: Receiver<()>,
    pub(crate) lag: SearchLag,
}

/// Passes events on, and signals the indexing thread after each commit.
struct SignallingSink {
    sink: Arc<dyn EventSink>,
    wake: Sender<()>,
    lag: SearchLag,
}

impl EventSink for SignallingSink {
    fn publish(&self, events: &[Arc<Event>]) {
        self.sink.publish(events);
        if events.is_empty() {
            return;
        }
        self.lag.committed.fetch_add(events.len() as u64, Ordering::Relaxed);
        // A full channel means that a signal is already waiting.
        let _ = self.wake.try_send(());
    }

    fn signal(&self, signal: Signal) {
        self.sink.signal(signal);
    }

    fn log_replaced(&self, to: Cursor) {
        self.sink.log_replaced(to);
    }
}

/// Puts the signal between the writer and its sink.
pub(crate) fn with_commit_signal(sink: Arc<dyn EventSink>) -> (Arc<dyn EventSink>, CommitSignal) {
    let (wake, woken) = bounded(1);
    let lag = SearchLag::default();
    (Arc::new(SignallingSink { sink, wake, lag: lag.clone() }), CommitSignal { woken, lag })
}

/// The handle to the index: its readers and the thread that updates it.
pub(crate) struct Index {
    readers: Readers,
    /// Dropped to end the thread.
    alive: Mutex<Option<Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Index {
    /// Starts to index this database.
    pub(crate) fn start(address: &Address, signal: CommitSignal) -> std::result::Result<Self, OpenError> {
        let (alive, ended) = bounded(0);
        let indexer =
            indexer::Indexer { address: address.clone(), woken: signal.woken, ended, lag: signal.lag };
        let thread = std::thread::Builder::new().name("postgres-index".into()).spawn(move || indexer.serve());
        let thread = Mutex::new(Some(thread.map_err(OpenError::Thread)?));
        let metrics = ReaderMetrics { outage: Outage::of("searches"), ..ReaderMetrics::default() };
        let readers = Readers::start(address, READERS, metrics)?;
        Ok(Self { readers, alive: Mutex::new(Some(alive)), thread })
    }

    /// Ends the waiting searches and the indexing, which continues from there at the next start. Blocks.
    pub(crate) fn close(&self) {
        self.readers.close();
        self.alive.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.close();
    }
}
