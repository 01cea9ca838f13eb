//! Moves the write-ahead log (WAL) into the database on a thread of its own, so that no commit pays for it. Also
//! empties the WAL after a deletion, since the former pages stay in it until others overwrite them.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chat_core::error::Obstacle;
use chat_core::failpoints;
use chat_store::Outage;
use rusqlite::{Connection, OpenFlags};

use crate::location::{Location, n_names};

/// Number of writes after which the thread is woken.
const WRITES_PER_CHECKPOINT: usize = 4096;
/// Number of pages in the WAL (4 KiB each) above which the writer finishes a checkpoint itself. Only then can the WAL
/// start from the beginning: under steady load, a background checkpoint always leaves a tail.
const PAGES_TO_RESTART: i64 = 10_000;
/// How long pages stay in the WAL of a server without writes.
const IDLE: Duration = Duration::from_secs(5);
/// How often the thread checks that the file is still at its path, while nobody writes.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Delay between a deletion and emptying the WAL, so that one run covers several deletions ...
const BATCH_DELAY: Duration = Duration::from_secs(1);
/// ... and the shortest time between two runs: an empty WAL has to grow again, which costs more than overwriting it.
const SPACING: Duration = Duration::from_secs(15);
/// First delay before another attempt, if a reader or the writer blocked the last one. The delay doubles with each
/// failure up to `LONGEST_RETRY`. Otherwise a program that reads without pause, as Litestream does, would block the
/// writer once a second for ever.
const RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(8);
/// How long an attempt waits for running readers. Nobody can write during this time.
const PATIENCE: Duration = Duration::from_millis(100);

/// The handle to the checkpointing thread, held by the writer. Dropping it ends the thread.
pub(crate) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    location: Location,
    requests: Arc<Requests>,
    writes: Cell<usize>,
    thread: Option<JoinHandle<()>>,
}

/// Requests between the thread and the writer.
#[derive(Default)]
struct Requests {
    /// The WAL is long: the writer is to finish a checkpoint.
    restart: AtomicBool,
    /// The writer is so busy that only the writer can empty the WAL.
    empty_wal: AtomicBool,
    /// Number of commits that deleted something, and how many of them are no longer in the WAL.
    deletions: AtomicU64,
    emptied: AtomicU64,
}

impl Requests {
    /// Whether the WAL still holds deleted data.
    fn holds_deleted(&self) -> bool {
        self.emptied.load(Ordering::Acquire) < self.deletions.load(Ordering::Acquire)
    }

    /// Empties the WAL if that is possible now.
    fn empty(&self, location: &Location, connection: &Connection) -> bool {
        let deletions = self.deletions.load(Ordering::Acquire);
        let is_empty = location.run_checkpoint(|| empty(connection)).unwrap_or(false);
        if is_empty {
            self.emptied.fetch_max(deletions, Ordering::AcqRel);
        }
        is_empty
    }
}

impl Checkpointer {
    pub(crate) fn start(location: Location, outage: Outage) -> std::io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        // A server that was killed may have left deleted data in the WAL.
        let requests = Arc::new(Requests { deletions: AtomicU64::new(1), ..Requests::default() });
        let (shared, watched) = (requests.clone(), location.clone());
        let thread = std::thread::Builder::new().name("sqlite-checkpoint".into());
        let thread = thread.spawn(move || serve(&PathWatch::new(watched, outage), &woken, &shared))?;
        let checkpointer =
            Self { wake: Some(wake), location, requests, writes: Cell::new(0), thread: Some(thread) };
        checkpointer.wake();
        Ok(checkpointer)
    }

    /// Must be called after each commit, with the number of its writes and whether one of them deleted something.
    pub(crate) fn committed(&self, connection: &Connection, writes: usize, has_deleted: bool) {
        let writes = self.writes.get() + writes;
        self.writes.set(writes);
        if has_deleted {
            let is_first = !self.requests.holds_deleted();
            self.requests.deletions.fetch_add(1, Ordering::AcqRel);
            if is_first {
                self.wake();
            }
        }
        if writes >= WRITES_PER_CHECKPOINT {
            self.writes.set(0);
            self.wake();
        }
        if self.requests.empty_wal.swap(false, Ordering::AcqRel) {
            self.requests.empty(&self.location, connection);
        }
        if self.requests.restart.swap(false, Ordering::Relaxed) {
            self.location.run_checkpoint(|| checkpoint(connection));
        }
    }

    fn wake(&self) {
        if let Some(wake) = &self.wake {
            // A full channel means that the thread is about to run anyway.
            let _ = wake.try_send(());
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

/// Watches the file while nobody writes to it.
struct PathWatch {
    location: Location,
    outage: Outage,
    is_displaced: Cell<bool>,
    has_warned_of_names: Cell<bool>,
}

impl PathWatch {
    fn new(location: Location, outage: Outage) -> Self {
        Self { location, outage, is_displaced: Cell::new(false), has_warned_of_names: Cell::new(false) }
    }

    /// Whether the file is still at its path. If it was moved, its WAL is moved into it, wherever it is now.
    fn is_at_path(&self, connection: Option<&Connection>) -> bool {
        let Err(obstacle) = self.location.check() else {
            self.is_displaced.set(false);
            if n_names(self.location.path()) > 1 && !self.has_warned_of_names.replace(true) {
                let file = self.location.path().display();
                tracing::warn!(
                    "{file} got a second name (a hard link): remove that name, because no server starts on a file with two"
                );
            }
            return true;
        };
        if !self.is_displaced.replace(true) {
            if obstacle != Obstacle::Overwritten {
                connection.map(empty);
            }
            self.outage.refused(&self.location.describe(obstacle));
        }
        false
    }

    fn connect(&self) -> Option<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(self.location.path(), flags).ok()
    }
}

fn serve(watch: &PathWatch, woken: &Receiver<()>, requests: &Requests) {
    let spacing = if failpoints::is_broken("forgets_at_once") { Duration::ZERO } else { SPACING };
    let mut connection = None;
    let (mut pause, mut checked) = (CHECK_INTERVAL, None::<Instant>);
    // When the WAL may be emptied, if it has to be.
    let (mut due, mut emptied, mut failures) = (None, None::<Instant>, 0);
    loop {
        let is_woken = match woken.recv_timeout(pause) {
            Err(RecvTimeoutError::Disconnected) => return,
            received => received.is_ok(),
        };
        pause = CHECK_INTERVAL;
        if !watch.is_at_path(connection.as_ref()) {
            continue;
        }
        let now = Instant::now();
        let is_due = due.is_some_and(|due| due <= now);
        if !is_woken && !is_due && checked.is_some_and(|at| now - at < IDLE) {
            pause = due.map_or(CHECK_INTERVAL, |due: Instant| CHECK_INTERVAL.min(due - now));
            continue;
        }
        checked = Some(now);
        connection = connection.or_else(|| watch.connect());
        let pages =
            connection.as_ref().and_then(|it| watch.location.run_checkpoint(|| checkpoint(it))).flatten();
        if pages.is_some_and(|pages| pages > PAGES_TO_RESTART) {
            requests.restart.store(true, Ordering::Relaxed);
        }
        if !requests.holds_deleted() {
            (due, failures) = (None, 0);
            continue;
        }
        let next =
            *due.get_or_insert(emptied.map_or(now + BATCH_DELAY, |at| (at + spacing).max(now + BATCH_DELAY)));
        if next > now {
            pause = CHECK_INTERVAL.min(next - now);
        } else if connection.as_ref().is_some_and(|it| requests.empty(&watch.location, it)) {
            (due, emptied, failures) = (None, Some(now), 0);
        } else {
            requests.empty_wal.store(true, Ordering::Release);
            due = Some(Instant::now() + retry_after(failures));
            failures += 1;
        }
    }
}

/// Delay before the next attempt to empty the WAL, after this number of failures.
fn retry_after(failures: u32) -> Duration {
    RETRY.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_RETRY)
}

/// Moves pages into the database without waiting for anybody. Returns the number of pages in the WAL.
fn checkpoint(connection: &Connection) -> Option<i64> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| row.get(1)).ok()
}

/// Moves all pages into the database and truncates the WAL. Returns whether that succeeded, with no reader using the
/// WAL.
pub(crate) fn empty(connection: &Connection) -> bool {
    let usual = connection.query_row("PRAGMA busy_timeout", (), |row| row.get::<_, u32>(0));
    let is_empty = connection.busy_timeout(PATIENCE).and_then(|()| {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| Ok(row.get::<_, i64>(0)? == 0))
    });
    if let Ok(usual) = usual {
        let _ = connection.busy_timeout(Duration::from_millis(usual.into()));
    }
    is_empty.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest pause is still short enough to remove deleted data from the WAL within a minute after other readers
    /// pause.
    #[test]
    fn retries_become_rarer_while_a_reader_blocks() {
        let pauses = [0, 1, 2, 3, 4, 4711].map(|failures| retry_after(failures).as_secs());
        assert_eq!(pauses, [1, 2, 4, 8, 8, 8]);
    }
}
