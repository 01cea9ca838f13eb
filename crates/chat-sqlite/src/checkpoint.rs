//! Moves the write-ahead log into the database from a thread of its own, so that no commit pays for it, and empties the
//! log after something was deleted, since the former pages stand in it until others are written over them.

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

use crate::place::{Place, names};

/// Writes after which the thread is woken.
const WRITES_PER_CHECKPOINT: usize = 4096;
/// Pages in the log (4 KiB each) above which the writer finishes a checkpoint itself, since only then can the log
/// start anew: a background checkpoint under steady load always leaves a tail.
const PAGES_TO_RESTART: i64 = 10_000;
/// How long a quiet server leaves pages in the log.
const IDLE: Duration = Duration::from_secs(5);
/// How often it is looked whether the file is in its place, where nobody writes.
const LOOK: Duration = Duration::from_secs(1);
/// The log is emptied so soon after something was deleted, for other deletions to come with it ...
const GATHER: Duration = Duration::from_secs(1);
/// ... and no more often than this: one that is empty has to grow again, which costs more than to be written over.
const SPACING: Duration = Duration::from_secs(15);
/// How soon it is tried again where a reader or the writer was in the way. The second, third and further times it takes twice
/// as long, up to the longest: who reads on and on, as Litestream does, would have the writer wait once a second for ever.
const RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(8);
/// How long the readers that are at work are waited for while nobody can write.
const PATIENCE: Duration = Duration::from_millis(100);

/// The handle to the checkpointing thread, held by the writer. Dropping it ends the thread.
pub(crate) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    place: Place,
    wants: Arc<Wants>,
    writes: Cell<usize>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and the writer want of each other.
#[derive(Default)]
struct Wants {
    /// The log is long, and the writer is to finish a checkpoint.
    restart: AtomicBool,
    /// The writer is so busy that only it can empty the log.
    emptying: AtomicBool,
    /// Commits that deleted something, and how many of them the log no longer holds.
    forgotten: AtomicU64,
    gone: AtomicU64,
}

impl Wants {
    /// Whether the log holds something that was deleted.
    fn is_owed(&self) -> bool {
        self.gone.load(Ordering::Acquire) < self.forgotten.load(Ordering::Acquire)
    }

    /// Empties the log if it can be done now.
    fn empty(&self, place: &Place, connection: &Connection) -> bool {
        let forgotten = self.forgotten.load(Ordering::Acquire);
        let is_empty = place.through(|| empty(connection)).unwrap_or(false);
        if is_empty {
            self.gone.fetch_max(forgotten, Ordering::AcqRel);
        }
        is_empty
    }
}

impl Checkpointer {
    pub(crate) fn start(place: Place, outage: Outage) -> std::io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        // A server that was killed may have left something in the log.
        let wants = Arc::new(Wants { forgotten: AtomicU64::new(1), ..Wants::default() });
        let (shared, watched) = (wants.clone(), place.clone());
        let thread = std::thread::Builder::new().name("sqlite-checkpoint".into());
        let thread = thread.spawn(move || serve(&Watch::over(watched, outage), &woken, &shared))?;
        let checkpointer =
            Self { wake: Some(wake), place, wants, writes: Cell::new(0), thread: Some(thread) };
        checkpointer.wake();
        Ok(checkpointer)
    }

    /// To be called after each commit, with the number of its writes and whether one of them deleted something.
    pub(crate) fn committed(&self, connection: &Connection, writes: usize, forgets: bool) {
        let writes = self.writes.get() + writes;
        self.writes.set(writes);
        if forgets {
            let is_first = !self.wants.is_owed();
            self.wants.forgotten.fetch_add(1, Ordering::AcqRel);
            if is_first {
                self.wake();
            }
        }
        if writes >= WRITES_PER_CHECKPOINT {
            self.writes.set(0);
            self.wake();
        }
        if self.wants.emptying.swap(false, Ordering::AcqRel) {
            self.wants.empty(&self.place, connection);
        }
        if self.wants.restart.swap(false, Ordering::Relaxed) {
            self.place.through(|| checkpoint(connection));
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

/// An eye on the file, for when nobody writes to it.
struct Watch {
    place: Place,
    outage: Outage,
    is_astray: Cell<bool>,
    has_told_names: Cell<bool>,
}

impl Watch {
    fn over(place: Place, outage: Outage) -> Self {
        Self { place, outage, is_astray: Cell::new(false), has_told_names: Cell::new(false) }
    }

    /// Whether the file is in its place. Once it is not, what its log holds goes with it, wherever it is.
    fn is_in_place(&self, connection: Option<&Connection>) -> bool {
        let Err(obstacle) = self.place.check() else {
            self.is_astray.set(false);
            if names(self.place.path()) > 1 && !self.has_told_names.replace(true) {
                let file = self.place.path().display();
                tracing::warn!(
                    "{file} got a second name (a hard link): remove that name, because no server starts on a file with two"
                );
            }
            return true;
        };
        if !self.is_astray.replace(true) {
            if obstacle != Obstacle::Overwritten {
                connection.map(empty);
            }
            self.outage.refused(&self.place.describe(obstacle));
        }
        false
    }

    fn connect(&self) -> Option<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(self.place.path(), flags).ok()
    }
}

fn serve(watch: &Watch, woken: &Receiver<()>, wants: &Wants) {
    let spacing = if failpoints::is_broken("forgets_at_once") { Duration::ZERO } else { SPACING };
    let mut connection = None;
    let (mut pause, mut checked) = (LOOK, None::<Instant>);
    // When the log may be emptied, if it has to be.
    let (mut due, mut emptied, mut failures) = (None, None::<Instant>, 0);
    loop {
        let is_woken = match woken.recv_timeout(pause) {
            Err(RecvTimeoutError::Disconnected) => return,
            rung => rung.is_ok(),
        };
        pause = LOOK;
        if !watch.is_in_place(connection.as_ref()) {
            continue;
        }
        let now = Instant::now();
        let is_due = due.is_some_and(|due| due <= now);
        if !is_woken && !is_due && checked.is_some_and(|at| now - at < IDLE) {
            pause = due.map_or(LOOK, |due: Instant| LOOK.min(due - now));
            continue;
        }
        checked = Some(now);
        connection = connection.or_else(|| watch.connect());
        let pages = connection.as_ref().and_then(|it| watch.place.through(|| checkpoint(it))).flatten();
        if pages.is_some_and(|pages| pages > PAGES_TO_RESTART) {
            wants.restart.store(true, Ordering::Relaxed);
        }
        if !wants.is_owed() {
            (due, failures) = (None, 0);
            continue;
        }
        let next = *due.get_or_insert(emptied.map_or(now + GATHER, |at| (at + spacing).max(now + GATHER)));
        if next > now {
            pause = LOOK.min(next - now);
        } else if connection.as_ref().is_some_and(|it| wants.empty(&watch.place, it)) {
            (due, emptied, failures) = (None, Some(now), 0);
        } else {
            wants.emptying.store(true, Ordering::Release);
            due = Some(Instant::now() + retry_after(failures));
            failures += 1;
        }
    }
}

/// How long it is until the log is tried to be emptied again, after so many failures before this one.
fn retry_after(failures: u32) -> Duration {
    RETRY.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_RETRY)
}

/// Moves what it can without waiting for anybody; answers how many pages the log has.
fn checkpoint(connection: &Connection) -> Option<i64> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| row.get(1)).ok()
}

/// Moves all of the log and empties its file; whether that was possible, with nobody reading from it.
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

    /// And yet often enough for what is deleted to be out of the log within a minute, if the others are away for a moment.
    #[test]
    fn who_reads_on_and_on_is_in_the_way_less_and_less_often() {
        let pauses = [0, 1, 2, 3, 4, 4711].map(|failures| retry_after(failures).as_secs());
        assert_eq!(pauses, [1, 2, 4, 8, 8, 8]);
    }
}
