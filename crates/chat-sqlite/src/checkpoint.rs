//! Moves the write-ahead log into the database from a thread of its own, so that no commit pays for it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

/// Writes after which the thread is woken.
const WRITES_PER_CHECKPOINT: usize = 4096;
/// Pages in the log (4 KiB each) above which the writer finishes a checkpoint itself, since only then can the log
/// start anew: a background checkpoint under steady load always leaves a tail.
const PAGES_TO_RESTART: i64 = 10_000;
/// How long a quiet server leaves pages in the log.
const IDLE: Duration = Duration::from_secs(5);

/// The handle to the checkpointing thread, held by the writer. Dropping it ends the thread.
pub(crate) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    wants_restart: Arc<AtomicBool>,
    writes: std::cell::Cell<usize>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(crate) fn start(path: &Path) -> std::io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let wants_restart = Arc::new(AtomicBool::new(false));
        let path = path.to_owned();
        let flag = wants_restart.clone();
        let thread = std::thread::Builder::new().name("sqlite-checkpoint".into());
        let thread = thread.spawn(move || serve(&path, &woken, &flag))?;
        Ok(Self { wake: Some(wake), wants_restart, writes: std::cell::Cell::new(0), thread: Some(thread) })
    }

    /// To be called after each commit, with the number of its writes.
    pub(crate) fn committed(&self, connection: &Connection, writes: usize) {
        let writes = self.writes.get() + writes;
        self.writes.set(writes);
        if writes >= WRITES_PER_CHECKPOINT {
            self.writes.set(0);
            if let Some(wake) = &self.wake {
                // A full channel means that the thread is about to run anyway.
                let _ = wake.try_send(());
            }
        }
        if self.wants_restart.swap(false, Ordering::Relaxed) {
            checkpoint(connection);
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(path: &Path, woken: &Receiver<()>, wants_restart: &AtomicBool) {
    let mut connection = None;
    while !matches!(woken.recv_timeout(IDLE), Err(RecvTimeoutError::Disconnected)) {
        if connection.is_none() {
            connection = Connection::open(path).ok();
        }
        let pages = connection.as_ref().and_then(checkpoint);
        if pages.is_some_and(|pages| pages > PAGES_TO_RESTART) {
            wants_restart.store(true, Ordering::Relaxed);
        }
    }
}

/// Moves what it can without waiting for anybody; answers how many pages the log has.
fn checkpoint(connection: &Connection) -> Option<i64> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| row.get(1)).ok()
}
