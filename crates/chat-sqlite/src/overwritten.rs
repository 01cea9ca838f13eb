//! Whether the database's own file still holds what SQLite has left in it. A copy that somebody writes over it (`cp old.db
//! chatserver.db`) is the same file with another content, while its log and what is in memory go on from the former one: what
//! is made of both is neither, and it gives out positions a second time.
//!
//! While it is served, only a checkpoint writes to the file, of whatever program. So nothing is looked at while the file's
//! change time stays; when that has moved, the file is read without its log, and has to hold this log no earlier than it did
//! before. Between the pages of somebody else's checkpoint it may read as anything, so only a file that nobody writes to for a
//! while is judged; and after one that was held up by a reader it may lack pages that only the log has, so what cannot be
//! read is no proof.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chat_core::error::Obstacle;
use chat_core::ids::Position;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::told::Told;

/// How long nobody has to have written to a file before what it holds is what it is going to hold.
const REST: Duration = Duration::from_secs(1);
/// How often it is read until then.
const STEP: Duration = Duration::from_millis(10);
/// After so long it is refused for the present.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the file itself says of the log of changes, whatever its write-ahead log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raw {
    pub(crate) epoch: i64,
    pub(crate) position: Position,
    served: Option<String>,
    /// Moves on whenever tables or their places in the file change.
    schema: i64,
}

impl Raw {
    /// Reads a file that somebody may be writing to.
    pub(crate) fn read(path: &Path) -> rusqlite::Result<Self> {
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(address(path), flags)?;
        let schema = db.query_row("PRAGMA schema_version", (), |row| row.get(0))?;
        db.query_row("SELECT epoch, position, served FROM log WHERE only_row = 1", (), |row| {
            Ok(Self { epoch: row.get(0)?, position: Position(row.get(1)?), served: row.get(2)?, schema })
        })
    }

    /// Whether a file that held `before` can hold this now. Epoch and mark may have been given to it when it began to be
    /// served, and have been in its log alone until now.
    fn follows(&self, before: &Self, told: &Told) -> bool {
        let keeps_mark = self.served == before.served || self.served.as_deref() == told.mark();
        let keeps_epoch = self.epoch == before.epoch || self.epoch == told.epoch();
        self.position >= before.position && keeps_mark && keeps_epoch
    }
}

/// By which SQLite looks at neither the log nor locks.
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

/// When the file was last written to, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp(i64, i64, u64);

impl Stamp {
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        path.metadata().ok().map(|file| Self(file.ctime(), file.ctime_nsec(), file.len()))
    }

    /// Elsewhere nobody can write to a file that is open.
    #[cfg(not(unix))]
    fn of(_: &Path) -> Option<Self> {
        None
    }
}

/// An eye on the file, shared by all who write to it.
pub(crate) struct Contents {
    path: PathBuf,
    told: Arc<Told>,
    seen: Mutex<Option<Seen>>,
    /// How many checkpoints of this process are under way.
    under_way: AtomicUsize,
    is_overwritten: AtomicBool,
    /// How long the log was when it was looked at last, and what somebody had been told of by then.
    log: Mutex<(u64, Position)>,
}

/// What was there when it was last looked at.
struct Seen {
    stamp: Stamp,
    raw: Raw,
    /// Since when it has been something else, unchanged.
    other: Option<(Stamp, Instant)>,
    /// When it was read last and proved nothing.
    unproved: Option<Stamp>,
}

enum Verdict {
    Sound,
    Overwritten,
    /// Somebody is writing to it.
    NotYet,
}

impl Contents {
    /// Of a database that is open, and was just found to be sound.
    pub(crate) fn of(path: &Path, told: Arc<Told>) -> Self {
        let seen = Seen::of(path);
        told.note_raw(seen.as_ref().map(|seen| &seen.raw));
        Self {
            path: path.to_owned(),
            told,
            seen: Mutex::new(seen),
            under_way: AtomicUsize::new(0),
            is_overwritten: AtomicBool::new(false),
            log: Mutex::default(),
        }
    }

    /// Whether the file holds what it did, or what SQLite has made of that. Waits for somebody else who is writing to it.
    pub(crate) fn check(&self) -> Result<(), Obstacle> {
        if self.under_way.load(Ordering::Acquire) > 0 {
            // Looked at when that is done.
            return self.known();
        }
        self.look()
    }

    /// Whether a log of this length still holds what it did. It becomes shorter only when a checkpoint, of whatever program,
    /// has moved all of it into the file.
    pub(crate) fn check_log(&self, length: u64) -> Result<(), Obstacle> {
        if self.under_way.load(Ordering::Acquire) > 0 {
            return self.known();
        }
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, position) = *log;
        if length < before {
            match Raw::read(&self.path) {
                Ok(raw) if raw.position < position => self.condemn(),
                Ok(_) => {}
                // Somebody is writing to the file; the next who looks may be able to tell.
                Err(_) => return self.known(),
            }
        }
        *log = (length, self.told.position());
        self.known()
    }

    /// Makes a checkpoint, unless it would be one into another content; and looks at what has come of it.
    pub(crate) fn through<T>(&self, checkpoint: impl FnOnce() -> T) -> Option<T> {
        self.check().ok()?;
        self.under_way.fetch_add(1, Ordering::AcqRel);
        let done = checkpoint();
        self.under_way.fetch_sub(1, Ordering::AcqRel);
        let mut seen = self.seen();
        // Somebody may have been in the way of the checkpoint at the start.
        *seen = seen.take().or_else(|| Seen::of(&self.path));
        drop(seen);
        // Whoever asks next is told.
        let _ = self.look();
        Some(done)
    }

    /// It holds something else, as who writes to it has found.
    pub(crate) fn condemn(&self) {
        self.is_overwritten.store(true, Ordering::Release);
        // So that no server takes what is there for this database, whatever becomes of its log.
        self.told.note_overwritten();
    }

    /// The same, of what is known already.
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
            match seen.judge(&self.path, &self.told) {
                Verdict::Sound => {
                    self.told.note_raw(Some(&seen.raw));
                    return Ok(());
                }
                Verdict::Overwritten => {
                    self.condemn();
                    return self.known();
                }
                Verdict::NotYet if begun.elapsed() > PATIENCE => return Err(Obstacle::Overwritten),
                Verdict::NotYet => std::thread::sleep(STEP),
            }
        }
    }
}

impl Seen {
    /// None where the file lacks what only its log has.
    fn of(path: &Path) -> Option<Self> {
        let stamp = Stamp::of(path)?;
        Some(Self { stamp, raw: Raw::read(path).ok()?, other: None, unproved: None })
    }

    fn judge(&mut self, path: &Path, told: &Told) -> Verdict {
        let Some(stamp) = Stamp::of(path) else { return Verdict::Sound };
        if stamp == self.stamp || self.unproved == Some(stamp) {
            return Verdict::Sound;
        }
        let is_other = match Raw::read(path) {
            Ok(raw) if raw.follows(&self.raw, told) => {
                *self = Self { stamp, raw, other: None, unproved: None };
                return Verdict::Sound;
            }
            // Somebody has made tables or moved them, of which a part may be in the log. A log that ends earlier is none of
            // it: a copy that was made by `VACUUM INTO` has a later schema than its original, too.
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
                // SQLite makes a file shorter only when everything is in it.
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
        } else if since.elapsed() >= REST {
            return Verdict::Overwritten;
        }
        Verdict::NotYet
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    /// A database in which a writer keeps its log, beside a copy from before.
    fn scene() -> (tempfile::TempDir, PathBuf, PathBuf, Connection) {
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
        let (_folder, path, _, db) = scene();
        assert_eq!(Raw::read(&path).unwrap().position, Position(1));
        checkpoint(&db);
        assert_eq!(Raw::read(&path).unwrap().position, Position(2));
    }

    #[test]
    fn checkpoints_of_others_and_changed_rights_are_allowed() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, path, _, db) = scene();
        let contents = Contents::of(&path, Arc::new(Told::nobody()));
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

    /// A reader keeps the last page in the log, and the first one, which says how many there are, is in the file.
    #[test]
    fn a_file_that_lacks_what_only_its_log_has_is_sound() {
        let (_folder, path, copy, db) = scene();
        let contents = Contents::of(&path, Arc::new(Told::nobody()));
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
        assert_eq!(code, Some(ErrorCode::DatabaseCorrupt), "as it is meant to be");
        assert_eq!((contents.check(), contents.check()), (Ok(()), Ok(())));
        drop(reader);
        checkpoint(&db);
        assert_eq!((contents.check(), Raw::read(&path).unwrap().position), (Ok(()), Position(4)));
        std::fs::write(&path, std::fs::read(&copy).unwrap()).unwrap();
        assert_eq!(contents.check(), Err(Obstacle::Overwritten));
    }

    #[test]
    fn an_older_content_is_noticed_and_never_written_into() {
        let (_folder, path, copy, db) = scene();
        checkpoint(&db);
        let contents = Contents::of(&path, Arc::new(Told::nobody()));
        assert_eq!(contents.check(), Ok(()));
        std::fs::write(&path, std::fs::read(&copy).unwrap()).unwrap();
        assert_eq!(contents.check(), Err(Obstacle::Overwritten));
        let into = contents.through(|| panic!("a checkpoint"));
        assert!(into.is_none());
        assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(copy).unwrap());
    }

    #[test]
    fn what_is_no_database_is_noticed() {
        for content in [&b""[..], b"not at all"] {
            let (_folder, path, _, _db) = scene();
            let contents = Contents::of(&path, Arc::new(Told::nobody()));
            std::fs::write(&path, content).unwrap();
            assert_eq!(contents.check(), Err(Obstacle::Overwritten));
        }
    }
}
