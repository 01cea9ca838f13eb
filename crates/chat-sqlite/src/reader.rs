//! Reads: a few threads, each with its own read-only connection, so that no read waits for the writer and no async
//! thread accesses the disk. Nothing may be written here.

use std::path::Path;
use std::sync::Arc;

use chat_core::Error;
use chat_store::{Lane, ReadQueue, ReaderMetrics, Reads, catch_panic};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use crate::error::OpenError;
use crate::fault::Result;
use crate::overwritten::ContentWatch;

/// Number of reads that may wait before further ones are refused.
const QUEUE: usize = 4096;
const CACHE_KIB: i64 = 16 * 1024;

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// The pool of reading threads. They end when the queue is closed and empty.
pub(crate) struct Readers {
    queue: ReadQueue<Read>,
    n_threads: usize,
    contents: Arc<ContentWatch>,
    metrics: ReaderMetrics,
}

impl Readers {
    pub(crate) fn start(
        path: &Path,
        count: usize,
        (metrics, contents): (ReaderMetrics, Arc<ContentWatch>),
    ) -> std::result::Result<Self, OpenError> {
        let (queue, reads) = ReadQueue::new(QUEUE, count, &metrics);
        for (number, reads) in reads.into_iter().enumerate() {
            let connection = connect(path).map_err(|error| OpenError::of(path, error))?;
            let metrics = metrics.clone();
            let serve = move || serve(&connection, &reads, &metrics);
            queue.start(format!("sqlite-read-{number}"), serve).map_err(OpenError::Thread)?;
        }
        Ok(Self { queue, n_threads: count, contents, metrics })
    }

    /// Number of reading threads.
    pub(crate) fn n_threads(&self) -> usize {
        self.n_threads
    }

    /// Runs `read` on one of the threads.
    pub(crate) async fn read<T, F>(&self, read: F) -> chat_core::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.run(Lane::Request, read).await
    }

    /// As [`Self::read`], for a read that waits in this lane.
    pub(crate) async fn read_in<T, F>(&self, lane: Lane, read: F) -> chat_core::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.run(lane, read).await
    }

    async fn run<T, F>(&self, lane: Lane, read: F) -> chat_core::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        if let Err(obstacle) = self.contents.known() {
            self.metrics.failures.inc();
            self.metrics.outage.refused(&obstacle);
            return Err(Error::Obstructed(obstacle));
        }
        let (reply, result) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            let answer = catch_panic("a read panicked", || read(connection));
            // The caller may have gone, which is not an error.
            let _ = reply.send(answer);
        });
        self.queue.send((lane, read))?;
        let answer = result.await.map_err(|_| Error::internal("a read was dropped"))?.map_err(Error::from);
        if matches!(answer, Err(Error::Unavailable(_) | Error::Obstructed(_) | Error::Internal(_))) {
            self.metrics.failures.inc();
        }
        self.metrics.outage.note(&answer);
        answer
    }

    /// As [`Self::read`], for several statements that must see the database at one moment.
    pub(crate) async fn snapshot<T, F>(&self, read: F) -> chat_core::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.read(move |db| read(&*db.unchecked_transaction()?)).await
    }

    /// Ends the threads after the waiting reads. Blocks.
    pub(crate) fn close(&self) {
        self.queue.close();
    }
}

/// A connection that cannot write.
pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(128);
    // Otherwise, SQLite prepares a statement again whenever its parameters differ from those of its first plan.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

fn serve(connection: &Connection, reads: &Reads<Read>, metrics: &ReaderMetrics) {
    while let Some(read) = reads.next() {
        metrics.under_way.inc();
        read(connection);
        metrics.under_way.dec();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::sync::mpsc::channel;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use super::*;
    use crate::announced::Announced;

    fn readers(count: usize) -> (Readers, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chat.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE numbers (n)").unwrap();
        (
            Readers::start(
                &path,
                count,
                (
                    ReaderMetrics::default(),
                    Arc::new(ContentWatch::of(&path, Arc::new(Announced::unrecorded()))),
                ),
            )
            .unwrap(),
            folder,
        )
    }

    #[tokio::test]
    async fn a_panicking_read_is_answered_and_the_thread_goes_on() {
        let (readers, _folder) = readers(1);
        let answer: chat_core::Result<()> = readers.read(|_| panic!("on purpose")).await;
        assert!(matches!(answer, Err(Error::Internal(_))), "{answer:?}");
        assert_eq!(readers.read(|_| Ok(7)).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn history_and_short_absences_are_answered_while_others_catch_up() {
        let (readers, _folder) = readers(2);
        let (go_on, held) = crossbeam_channel::bounded::<()>(0);
        let (inside, is_inside) = channel();
        let cx = &mut Context::from_waker(Waker::noop());
        let page = || {
            let (held, inside) = (held.clone(), inside.clone());
            readers.read_in(Lane::CatchUp, move |_| {
                let _ = inside.send(());
                let _ = held.recv();
                Ok(())
            })
        };
        let mut pages = [Box::pin(page()), Box::pin(page())];
        assert!(pages.iter_mut().all(|page| page.as_mut().poll(cx).is_pending()));
        is_inside.recv().unwrap();
        let history = tokio::time::timeout(Duration::from_secs(60), readers.read(|_| Ok(7))).await;
        assert_eq!(history.expect("it waits for those who catch up").unwrap(), 7);
        let first_page = readers.read_in(Lane::of_page(true), |_| Ok(8));
        let first_page = tokio::time::timeout(Duration::from_secs(60), first_page).await;
        assert_eq!(first_page.expect("it waits for those who missed more").unwrap(), 8);
        drop(go_on);
        for page in pages {
            page.await.unwrap();
        }
    }

    #[tokio::test]
    async fn readers_cannot_write() {
        let (readers, _folder) = readers(1);
        let answer = readers.read(|db| Ok(db.execute("INSERT INTO numbers VALUES (1)", ())?)).await;
        assert!(answer.is_err());
    }

    #[tokio::test]
    async fn closing_serves_the_reads_that_wait_and_refuses_later_ones() {
        let (readers, _folder) = readers(1);
        let (go_on, held) = channel::<()>();
        let (inside, is_inside) = channel();
        let cx = &mut Context::from_waker(Waker::noop());
        let mut first = pin!(readers.read(move |_| {
            let _ = inside.send(());
            let _ = held.recv();
            Ok(1)
        }));
        assert!(first.as_mut().poll(cx).is_pending());
        is_inside.recv().unwrap();
        let mut waits = pin!(readers.read(|_| Ok(2)));
        assert!(waits.as_mut().poll(cx).is_pending());
        let mut late = pin!(readers.read(|_| Ok(3)));
        let late = std::thread::scope(|scope| {
            scope.spawn(|| readers.close());
            while !readers.queue.is_closed() {
                std::thread::yield_now();
            }
            let answer = late.as_mut().poll(cx);
            drop(go_on);
            answer
        });
        assert!(matches!(late, Poll::Ready(Err(Error::Unavailable(_)))), "{late:?}");
        assert_eq!((first.await.unwrap(), waits.await.unwrap()), (1, 2));
    }
}
