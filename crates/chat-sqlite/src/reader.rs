//! Reads: a few threads, each with a read-only connection of its own, so that no read waits for the writer and no
//! disk access happens on an async thread. Nothing may be written here.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use chat_core::Error;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use crate::fault::Result;
use crate::open::OpenError;

/// Reads that may wait before further ones are refused.
const QUEUE: usize = 4096;
const CACHE_KIB: i64 = 16 * 1024;

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// The pool of reading threads. `None` in the queue tells one of them to end.
pub(crate) struct Readers {
    queue: Sender<Option<Read>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    pub(crate) fn start(path: &Path, count: usize) -> std::result::Result<Self, OpenError> {
        let (queue, reads) = bounded(QUEUE);
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            let connection = connect(path).map_err(|error| OpenError::of(path, error))?;
            let reads = reads.clone();
            let thread = std::thread::Builder::new().name(format!("sqlite-read-{number}"));
            threads.push(thread.spawn(move || serve(&connection, &reads)).map_err(OpenError::Thread)?);
        }
        Ok(Self { queue, threads: Mutex::new(threads) })
    }

    /// Runs `read` on one of the threads.
    pub(crate) async fn read<T, F>(&self, read: F) -> chat_core::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let job: Read = Box::new(move |connection| {
            // Nobody listens any more if the caller has gone; that is no fault.
            let _ = reply.send(read(connection));
        });
        match self.queue.try_send(Some(job)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(Error::Overloaded),
            Err(TrySendError::Disconnected(_)) => {
                return Err(Error::Unavailable("the store is closed".into()));
            }
        }
        let answer = result.await.map_err(|_| Error::internal("a read was dropped"))?;
        answer.map_err(Error::from)
    }

    /// Ends the threads after the reads that wait. Blocks.
    pub(crate) fn close(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for _ in &threads {
            let _ = self.queue.send(None);
        }
        for thread in threads {
            let _ = thread.join();
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.close();
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

fn serve(connection: &Connection, reads: &Receiver<Option<Read>>) {
    while let Ok(Some(read)) = reads.recv() {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(connection)));
        if outcome.is_err() {
            tracing::error!("a read panicked; its caller was told and the thread goes on");
        }
    }
}
