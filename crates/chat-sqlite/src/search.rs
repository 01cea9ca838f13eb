//! Message search: a full-text index in its own file beside the database, kept up to date by its own thread.
//!
//! The index is derived data. It may lag behind the log, and it may be deleted and rebuilt at any time. No request may
//! be refused and no start may fail because of it, and a match is returned only after the database has confirmed that
//! the reader may see it.

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
use crate::overwritten::ContentWatch;
use crate::reader::Readers;
use crate::{Sqlite, load};
use chat_store::{Outage, ReaderMetrics, SearchLag};

/// Number of threads that search. They are separate from the other reading threads, whose reads must not wait for a
/// slow search.
const READERS: usize = 2;

#[async_trait]
impl SearchStore for Sqlite {
    async fn search(&self, reader: UserId, wanted: Search) -> Result<Vec<Message>> {
        let index = search::index(self.search.as_ref())?;
        let index_file = index.index_file.clone();
        let read = move |db: &rusqlite::Connection| {
            let ids = index_file.read_with(|index| finder::find(db, index, reader, &wanted))?;
            load::load(db, &ids, Some(reader))
        };
        index.readers.snapshot(read).await
    }
}

/// The indexing thread's end of the channel from the writer: a wake-up after commits, and the number of committed
/// events.
pub(crate) struct CommitListener {
    wake: Sender<()>,
    woken: Receiver<()>,
    pub(crate) lag: SearchLag,
}

/// Passes events on, and wakes the indexing thread after each commit.
struct WakingSink {
    sink: Arc<dyn EventSink>,
    wake: Sender<()>,
    events: Arc<AtomicU64>,
}

impl EventSink for WakingSink {
    fn publish(&self, events: &[Arc<Event>]) {
        self.sink.publish(events);
        if events.is_empty() {
            return;
        }
        self.events.fetch_add(events.len() as u64, Ordering::Relaxed);
        // A full channel means that the thread is about to wake anyway.
        let _ = self.wake.try_send(());
    }

    fn signal(&self, signal: Signal) {
        self.sink.signal(signal);
    }
}

/// Wraps the writer's sink, so that the indexing thread is woken after each commit.
pub(crate) fn listen(sink: Arc<dyn EventSink>) -> (Arc<dyn EventSink>, Option<CommitListener>) {
    let (wake, woken) = bounded(1);
    let lag = SearchLag::default();
    let waking = WakingSink { sink, wake: wake.clone(), events: lag.committed.clone() };
    (Arc::new(waking), Some(CommitListener { wake, woken, lag }))
}

/// Removes the index of a database that is not served.
pub(crate) fn discard(database: &Path) -> rusqlite::Result<()> {
    file::discard(&file::beside(database))
}

/// Handle to the index: its readers and the thread that updates it.
pub(crate) struct Index {
    index_file: Arc<file::IndexFile>,
    readers: Readers,
    /// Dropped to end the thread.
    alive: Mutex<Option<Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Index {
    /// Starts to index the database at `path`, which is being served.
    pub(crate) fn start(
        path: &Path,
        listener: CommitListener,
        contents: Arc<ContentWatch>,
    ) -> std::result::Result<Self, OpenError> {
        let index_file = Arc::new(file::IndexFile::new(path, listener.wake.clone()));
        let (alive, ended) = bounded(0);
        let mut indexer = indexer::Indexer::new(path, index_file.clone(), listener, ended);
        // Before any search can start, so that there is an index to read.
        indexer.prepare();
        let thread = std::thread::Builder::new().name("sqlite-index".into()).spawn(move || indexer.serve());
        let thread = Mutex::new(Some(thread.map_err(OpenError::Thread)?));
        let metrics = ReaderMetrics { outage: Outage::of("searches"), ..ReaderMetrics::default() };
        let readers = Readers::start(path, READERS, (metrics, contents))?;
        Ok(Self { index_file, readers, alive: Mutex::new(Some(alive)), thread })
    }

    /// Ends waiting searches and the indexing, which continues from the same point at the next start. Blocks.
    pub(crate) fn close(&self) {
        self.readers.close();
        self.index_file.clear();
        self.alive.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
        self.index_file.close();
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.close();
    }
}
