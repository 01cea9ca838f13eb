//! Searching messages: a full-text index in a file of its own beside the database, kept by a thread of its own.
//!
//! The index is derived data. It may lag behind the log, be deleted at any time and be made anew; nothing may ever be
//! refused or fail to start because of it, and what it finds is shown only after the database itself has said that the
//! reader may see it.

mod expression;
mod file;
mod finder;
mod indexer;
mod purge;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use chat_core::Result;
use chat_core::event::{Event, Signal};
use chat_core::ids::UserId;
use chat_core::messages::Message;
use chat_core::ports::EventSink;
use chat_core::search::{self, Search, SearchStore};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::error::OpenError;
use crate::overwritten::Contents;
use crate::reader::Readers;
use crate::{Sqlite, load};
use chat_store::{Outage, ReaderMetrics, SearchLag};

/// Threads that search. They are not those of the other reads, which must not wait for somebody's odd query.
const READERS: usize = 2;

#[async_trait]
impl SearchStore for Sqlite {
    async fn search(&self, reader: UserId, wanted: Search) -> Result<Vec<Message>> {
        let index = search::index(self.search.as_ref())?;
        let shelf = index.shelf.clone();
        let read = move |db: &rusqlite::Connection| {
            let ids = shelf.lend(|index| finder::find(db, index, reader, &wanted))?;
            load::load(db, &ids, Some(reader))
        };
        index.readers.snapshot(read).await
    }
}

/// What the indexing thread hears of the writer: that there is something, and how much is going on.
pub(crate) struct Ear {
    ring: Sender<()>,
    rung: Receiver<()>,
    pub(crate) lag: SearchLag,
}

/// Passes events on, and rings for the indexing thread after each commit.
struct Ringing {
    sink: Arc<dyn EventSink>,
    ring: Sender<()>,
    events: Arc<AtomicU64>,
}

impl EventSink for Ringing {
    fn publish(&self, events: &[Arc<Event>]) {
        self.sink.publish(events);
        if events.is_empty() {
            return;
        }
        self.events.fetch_add(events.len() as u64, Ordering::Relaxed);
        // It is ringing already if there is no room for another ring.
        let _ = self.ring.try_send(());
    }

    fn signal(&self, signal: Signal) {
        self.sink.signal(signal);
    }
}

/// Puts an ear between the writer and its sink.
pub(crate) fn listen(sink: Arc<dyn EventSink>) -> (Arc<dyn EventSink>, Option<Ear>) {
    let (ring, rung) = bounded(1);
    let lag = SearchLag::default();
    let ringing = Ringing { sink, ring: ring.clone(), events: lag.committed.clone() };
    (Arc::new(ringing), Some(Ear { ring, rung, lag }))
}

/// Removes the index of a database that is not served.
pub(crate) fn discard(database: &Path) -> rusqlite::Result<()> {
    file::discard(&file::beside(database))
}

/// The handle to the index: its readers and the thread that keeps it.
pub(crate) struct Index {
    shelf: Arc<file::Shelf>,
    readers: Readers,
    /// Dropped to end the thread.
    alive: Mutex<Option<Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Index {
    /// Starts to keep the index of the database at `path`, which is being served.
    pub(crate) fn start(
        path: &Path,
        ear: Ear,
        contents: Arc<Contents>,
    ) -> std::result::Result<Self, OpenError> {
        let shelf = Arc::new(file::Shelf::new(path, ear.ring.clone()));
        let (alive, ended) = bounded(0);
        let mut indexer = indexer::Indexer::new(path, shelf.clone(), ear, ended);
        // Before anybody can search, so that there is something to search in.
        indexer.prepare();
        let thread = std::thread::Builder::new().name("sqlite-index".into()).spawn(move || indexer.serve());
        let thread = Mutex::new(Some(thread.map_err(OpenError::Thread)?));
        let metrics = ReaderMetrics { outage: Outage::of("searches"), ..ReaderMetrics::default() };
        let readers = Readers::start(path, READERS, (metrics, contents))?;
        Ok(Self { shelf, readers, alive: Mutex::new(Some(alive)), thread })
    }

    /// Ends the searches that wait and the indexing, which goes on from there at the next start. Blocks.
    pub(crate) fn close(&self) {
        self.readers.close();
        self.shelf.clear();
        self.alive.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
        self.shelf.close();
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.close();
    }
}
