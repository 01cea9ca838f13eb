//! Detects that the database's own file was overwritten. A copy that somebody writes over it (`cp old.db
//! chatserver.db`) is the same file with other contents, while its write-ahead log (WAL) and the server's memory
//! continue from the former contents. A mixture of the two is corrupt, and gives out positions a second time.
//!
//! While the file is served, only checkpoints write to it, of this or another program. So nothing is read as long as
//! the file's change time stays the same. When that changes, the file is read without its WAL, and its log position
//! must not be lower than before. During another program's checkpoint the file may read as anything, so it is judged
//! only after a while without writes. After a checkpoint that a reader held up, the file may lack pages that only the
//! WAL has, so a file that cannot be read proves nothing.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chat_core::error::Obstacle;
use chat_core::ids::Position;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::announced::Announced;

/// How long the file must stay unchanged before its contents are judged.
const QUIET_TIME: Duration = Duration::from_secs(1);
/// Interval of the attempts until then.
const STEP: Duration = Duration::from_millis(10);
/// Longest wait, after which the request is refused for now.
const PATIENCE: Duration = Duration::from_secs(2);

/// The state of the log of changes in the file itself, without its WAL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raw {
    pub(crate) epoch: i64,
    pub(crate) position: Position,
    served: Option<String>,
    /// Schema version: SQLite raises it when tables change or move within the file.
    schema: i64,
}

impl Raw {
    /// Reads a file that another program may be writing to.
    pub(crate) fn read(path: &Path) -> rusqlite::Result<Self> {
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(address(path), flags)?;
        let schema = db.query_row("PRAGMA schema_version", (), |row| row.get(0))?;
        db.query_row("SELECT epoch, position, served FROM log WHERE only_row = 1", (), |row| {
            Ok(Self { epoch: row.get(0)?, position: Position(row.get(1)?), served: row.get(2)?, schema })
        })
    }

    /// Whether a file that held `before` can hold this now. Its epoch and mark may be newer: they were set when
    /// serving began, and may have been only in its WAL until now.
    fn follows(&self, before: &Self, announced: &Announced) -> bool {
        let keeps_mark = self.served == before.served || self.served.as_deref() == announced.mark();
        let keeps_epoch = self.epoch == before.epoch || self.epoch == announced.epoch();
        self.position >= before.position && keeps_mark && keeps_epoch
    }
}

/// Address with which SQLite ignores both the WAL and locks.
fn address(path: &Path) -> String {
    let mut address = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                address.push(char::from(*byte))
            }
            _ => {
                let _ = write!(address, "%{byte:02X}");
            }
        }
    }
    address + "?immutable=1"
}

/// Change time (seconds and nanoseconds) and length of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp(i64, i64, u64);

impl Stamp {
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        path.metadata().ok().map(|file| Self(file.ctime(), file.ctime_nsec(), file.len()))
    }

    /// On other systems, nobody can overwrite an open file.
    #[cfg(not(unix))]
    fn of(_: &Path) -> Option<Self> {
        None
    }
}

/// Watches the file's contents. Shared by everything that writes to the file.
pub(crate) struct ContentWatch {
    path: PathBuf,
    announced: Arc<Announced>,
    seen: Mutex<Option<Seen>>,
    /// Number of this process's checkpoints that are running.
    under_way: AtomicUsize,
    is_overwritten: AtomicBool,
    /// Length of the WAL at the last check, and the last position announced by then.
    log: Mutex<(u64, Position)>,
}

/// The state of the file at the last check.
struct Seen {
    stamp: Stamp,
    raw: Raw,
    /// Set while the file holds something else: its stamp, and since when the stamp has not changed.
    other: Option<(Stamp, Instant)>,
    /// Stamp of the last attempt that proved nothing.
    unproved: Option<Stamp>,
}

enum Verdict {
    Sound,
    Overwritten,
    /// Another program is writing to the file.
    NotYet,
}

impl ContentWatch {
    /// For a database that is open and was just found to be sound.
    pub(crate) fn of(path: &Path, announced: Arc<Announced>) -> Self {
        let seen = Seen::of(path);
        announced.note_raw(seen.as_ref().map(|seen| &seen.raw));
        Self {
            path: path.to_owned(),
            announced,
            seen: Mutex::new(seen),
            under_way: AtomicUsize::new(0),
            is_overwritten: AtomicBool::new(false),
            log: Mutex::default(),
        }
    }

    /// Returns an error if the file was overwritten. Waits while another program is writing to it.
    pub(crate) fn check(&self) -> Result<(), Obstacle> {
        if self.under_way.load(Ordering::Acquire) > 0 {
            // The check runs after the checkpoint.
            return self.known();
        }
        self.look()
    }

    /// Returns an error if the WAL was emptied into other contents. `length` is its length now: it shrinks only when a
    /// checkpoint, of this or another program, has moved all of it into the file.
    pub(crate) fn check_log(&self, length: u64) -> Result<(), Obstacle> {
        if self.under_way.load(Ordering::Acquire) > 0 {
            return self.known();
        }
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, position) = *log;
        if length < before {
            match Raw::read(&self.path) {
                Ok(raw) if raw.position < position => self.mark_overwritten(),
                Ok(_) => {}
                // Another program is writing to the file. A later check may be able to tell.
                Err(_) => return self.known(),
            }
        }
        *log = (length, self.announced.position());
        self.known()
    }

    /// Makes a checkpoint, unless the file was overwritten, and checks its result.
    pub(crate) fn run_checkpoint<T>(&self, checkpoint: impl FnOnce() -> T) -> Option<T> {
        self.check().ok()?;
        self.under_way.fetch_add(1, Ordering::AcqRel);
        let done = checkpoint();
        self.under_way.fetch_sub(1, Ordering::AcqRel);
        let mut seen = self.seen();
        // The first read may have failed because a checkpoint of another program was running.
        *seen = seen.take().or_else(|| Seen::of(&self.path));
        drop(seen);
        // The next call reports the result.
        let _ = self.look();
        Some(done)
    }

    /// Records that the file holds something else, as the writer has found.
    pub(crate) fn mark_overwritten(&self) {
        self.is_overwritten.store(true, Ordering::Release);
        // Also in the lock file, so that no server accepts the file as this database, whatever happens to its WAL.
        self.announced.note_overwritten();
    }

    /// As [`Self::check`], but reads nothing: reports only what is known already.
    pub(crate) fn known(&self) -> Result<(), Obstacle> {
        if self.is_overwritten.load(Ordering::Acquire) { Err(Obstacle::Overwritten) } else { Ok(()) }
    }

    fn seen(&self) -> MutexGuard<'_, Option<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self) -> Result<(), Obstacle> {
        self.known()?;
        let mut seen = self.seen();
        let Some(seen) = seen.as_mut() else { return Ok(()) };
        let begun = Instant::now();
        loop {
            if self.under_way.load(Ordering::Acquire) > 0 {
                return self.known();
            }
            match seen.judge(&self.path, &self.announced) {
                Verdict::Sound => {
                    self.announced.note_raw(Some(&seen.raw));
                    return Ok(());
                }
                Verdict::Overwritten => {
                    self.mark_overwritten();
                    return self.known();
                }
                Verdict::NotYet if begun.elapsed() > PATIENCE => return Err(Obstacle::Overwritten),
                Verdict::NotYet => std::thread::sleep(STEP),
            }
        }
    }
}

impl Seen {
    /// `None` if the file lacks what only its WAL has.
    fn of(path: &Path) -> Option<Self> {
        let stamp = Stamp::of(path)?;
        Some(Self { stamp, raw: Raw::read(path).ok()?, other: None, unproved: None })
    }

    fn judge(&mut self, path: &Path, announced: &Announced) -> Verdict {
        let Some(stamp) = Stamp::of(path) else { return Verdict::Sound };
        if stamp == self.stamp || self.unproved == Some(stamp) {
            return Verdict::Sound;
        }
        let is_other = match Raw::read(path) {
            Ok(raw) if raw.follows(&self.raw, announced) => {
                *self = Self { stamp, raw, other: None, unproved: None };
                return Verdict::Sound;
            }
            // Another program has created or moved tables, and part of that may be in the WAL. A lower log position
            // has another cause: a copy made by `VACUUM INTO` also has a later schema than its original.
            Ok(raw) if raw.schema > self.raw.schema && raw.position >= self.raw.position => false,
            Ok(_) => true,
            Err(error) => match error.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => true,
                Some(
                    ErrorCode::CannotOpen
                    | ErrorCode::OutOfMemory
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::PermissionDenied,
                ) => return Verdict::Sound,
                // SQLite shortens a file only when all pages are in it.
                _ => stamp.2 < self.stamp.2,
            },
        };
        if !is_other {
            self.unproved = Some(stamp);
            return Verdict::Sound;
        }
        let (other, since) = *self.other.get_or_insert((stamp, Instant::now()));
        if other != stamp {
            self.other = Some((stamp, Instant::now()));
        } else if since.elapsed() >= QUIET_TIME {
            return Verdict::Overwritten;
        }
        Verdict::NotYet
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    /// A database with an open writer whose last change is in the WAL, and a copy from before that change.
    fn fixture() -> (tempfile::TempDir, PathBuf, PathBuf, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("a %?#.db"), folder.path().join("copy.db"));
        let db = Connection::open(&path).unwrap();
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE log (only_row INTEGER PRIMARY KEY, epoch, position, served);
             INSERT INTO log VALUES (1, 7, 1, 'mark'); CREATE TABLE t (x);
             PRAGMA wal_checkpoint(TRUNCATE)",
        )
        .unwrap();
        std::fs::copy(&path, &copy).unwrap();
        db.execute_batch("UPDATE log SET position = 2").unwrap();
        (folder, path, copy, db)
    }

    fn checkpoint(db: &Connection) {
        db.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(())).unwrap();
    }

    #[test]
    fn it_reads_the_file_without_its_log() {
        let (_folder, path, _, db) = fixture();
        assert_eq!(Raw::read(&path).unwrap().position, Position(1));
        checkpoint(&db);
        assert_eq!(Raw::read(&path).unwrap().position, Position(2));
    }

    #[test]
    fn checkpoints_of_others_and_changed_rights_are_allowed() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, path, _, db) = fixture();
        let contents = ContentWatch::of(&path, Arc::new(Announced::unrecorded()));
        let other = Connection::open(&path).unwrap();
        for round in 0..3 {
            let sql = "INSERT INTO t SELECT randomblob(3000) FROM (VALUES (1), (2), (3)); UPDATE log SET position = position + 1";
            db.execute_batch(sql).unwrap();
            checkpoint(&other);
            assert_eq!(contents.check(), Ok(()), "{round}");
        }
        other.execute_batch("DELETE FROM t; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        assert_eq!(contents.check(), Ok(()));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(contents.check(), Ok(()));
    }

    /// A reader keeps the last page in the WAL. The first page, which says how many there are, is in the file.
    #[test]
    fn a_file_that_lacks_what_only_its_log_has_is_sound() {
        let (_folder, path, copy, db) = fixture();
        let contents = ContentWatch::of(&path, Arc::new(Announced::unrecorded()));
        db.execute_batch(
            "INSERT INTO t SELECT randomblob(3000) FROM (VALUES (1), (2), (3)); UPDATE log SET position = 3",
        )
        .unwrap();
        let reader = Connection::open(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM t").unwrap();
        db.execute_batch("UPDATE t SET x = randomblob(3000) WHERE rowid = 3; UPDATE log SET position = 4")
            .unwrap();
        checkpoint(&db);
        let code = Raw::read(&path).unwrap_err().sqlite_error_code();
        assert_eq!(code, Some(ErrorCode::DatabaseCorrupt), "the fixture must cause this error");
        assert_eq!((contents.check(), contents.check()), (Ok(()), Ok(())));
        drop(reader);
        checkpoint(&db);
        assert_eq!((contents.check(), Raw::read(&path).unwrap().position), (Ok(()), Position(4)));
        std::fs::write(&path, std::fs::read(&copy).unwrap()).unwrap();
        assert_eq!(contents.check(), Err(Obstacle::Overwritten));
    }

    #[test]
    fn older_contents_are_noticed_and_never_written_into() {
        let (_folder, path, copy, db) = fixture();
        checkpoint(&db);
        let contents = ContentWatch::of(&path, Arc::new(Announced::unrecorded()));
        assert_eq!(contents.check(), Ok(()));
        std::fs::write(&path, std::fs::read(&copy).unwrap()).unwrap();
        assert_eq!(contents.check(), Err(Obstacle::Overwritten));
        let into = contents.run_checkpoint(|| panic!("a checkpoint"));
        assert!(into.is_none());
        assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(copy).unwrap());
    }

    #[test]
    fn a_file_that_is_not_a_database_is_noticed() {
        for content in [&b""[..], b"not at all"] {
            let (_folder, path, _, _db) = fixture();
            let contents = ContentWatch::of(&path, Arc::new(Announced::unrecorded()));
            std::fs::write(&path, content).unwrap();
            assert_eq!(contents.check(), Err(Obstacle::Overwritten));
        }
    }
}
