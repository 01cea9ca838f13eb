//! Searching messages: which words are in which message stands in a table of its own, kept by a thread of its own.
//!
//! The index is derived data and may lag behind the log by a moment. No write ever waits for it, and what it finds is
//! shown only after the other tables have said that the reader may see it. Where searching is switched off, nothing is
//! indexed; once it is on again, the index takes in what it missed.

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

/// Threads that search. They are not those of the other reads, which must not wait for somebody's odd query.
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

/// What the indexing thread hears of the writer: that there is something.
pub(crate) struct Ear {
    rung: Receiver<()>,
    pub(crate) lag: SearchLag,
}

/// Passes events on, and rings for the indexing thread after each commit.
struct Ringing {
    sink: Arc<dyn EventSink>,
    ring: Sender<()>,
    lag: SearchLag,
}

impl EventSink for Ringing {
    fn publish(&self, events: &[Arc<Event>]) {
        self.sink.publish(events);
        if events.is_empty() {
            return;
        }
        self.lag.committed.fetch_add(events.len() as u64, Ordering::Relaxed);
        // It is ringing already if there is no room for another ring.
        let _ = self.ring.try_send(());
    }

    fn signal(&self, signal: Signal) {
        self.sink.signal(signal);
    }

    fn turned(&self, to: Cursor) {
        self.sink.turned(to);
    }
}

/// Puts an ear between the writer and its sink.
pub(crate) fn listen(sink: Arc<dyn EventSink>) -> (Arc<dyn EventSink>, Ear) {
    let (ring, rung) = bounded(1);
    let lag = SearchLag::default();
    (Arc::new(Ringing { sink, ring, lag: lag.clone() }), Ear { rung, lag })
}

/// The handle to the index: its readers and the thread that keeps it.
pub(crate) struct Index {
    readers: Readers,
    /// Dropped to end the thread.
    alive: Mutex<Option<Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Index {
    /// Starts to keep the index of this database.
    pub(crate) fn start(address: &Address, ear: Ear) -> std::result::Result<Self, OpenError> {
        let (alive, ended) = bounded(0);
        let indexer = indexer::Indexer { address: address.clone(), rung: ear.rung, ended, lag: ear.lag };
        let thread = std::thread::Builder::new().name("postgres-index".into()).spawn(move || indexer.serve());
        let thread = Mutex::new(Some(thread.map_err(OpenError::Thread)?));
        let metrics = ReaderMetrics { outage: Outage::of("searches"), ..ReaderMetrics::default() };
        let readers = Readers::start(address, READERS, metrics)?;
        Ok(Self { readers, alive: Mutex::new(Some(alive)), thread })
    }

    /// Ends the searches that wait and the indexing, which goes on from there at the next start. Blocks.
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
