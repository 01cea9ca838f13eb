//! The room that the index of a write-ahead log (`-shm`) takes on its disk. SQLite maps that file into memory, so a piece
//! of it for which there is no room is not refused when it is written to: the process is ended (SIGBUS). SQLite itself
//! writes a byte into every 4 KiB when the file grows, which is enough where the file system's blocks are as large; where
//! they are smaller, all of it has to be asked for before SQLite needs it.
//!
//! Nobody may open and close that file while this process has it open through SQLite: whoever closes it takes away all
//! locks that the process has on it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;

use crate::open::with_suffix;

/// The index grows by so many bytes at a time ...
const PIECE: u64 = 32 * 1024;
/// ... whenever the log has become longer by so many: 4,096 pages of 4 KiB, each with what SQLite writes before it.
const LOG_FOR_A_PIECE: u64 = 4096 * (4096 + 24);
/// How many pieces more than the log has use for, so that one transaction may be as long as these.
const AHEAD: u64 = 4;

/// Sees to it that there is room for a log's index. Has nothing to do where blocks are large.
pub(crate) struct Shm {
    /// Closed before the file is.
    _keeper: Option<Connection>,
    file: Option<disk::File>,
    log: PathBuf,
    /// How much of the index is there, in bytes.
    taken: AtomicU64,
}

impl Shm {
    /// To be asked before anybody in this process opens the database, since the index is made then: fails where there is no
    /// room for it, and answers whether that has to be seen to from then on.
    pub(crate) fn is_needed(database: &Path) -> rusqlite::Result<bool> {
        match disk::to_ask(database, &with_suffix(database, "-shm")) {
            Ok(Some(file)) => disk::take(&file, needed(&with_suffix(database, "-wal"))).map(|()| true),
            // Whoever opens the database says what is the matter.
            Ok(None) | Err(_) => Ok(false),
        }
    }

    /// For one of which it is known that it needs nothing.
    pub(crate) fn none(database: &Path) -> Self {
        Self::over(database, None, None)
    }

    /// Of a database that was read from through a connection that stays open as long as this, as one of the caller's does.
    pub(crate) fn of(database: &Path) -> Self {
        Self::over(database, None, disk::open_if_small(&with_suffix(database, "-shm")))
    }

    /// The same, where all the caller's connections may be closed and opened again: so that the index is not made anew then.
    pub(crate) fn with_keeper(database: &Path, keeper: Connection) -> Self {
        Self::over(database, Some(keeper), disk::open_if_small(&with_suffix(database, "-shm")))
    }

    fn over(database: &Path, keeper: Option<Connection>, file: Option<disk::File>) -> Self {
        Self { _keeper: keeper, file, log: with_suffix(database, "-wal"), taken: AtomicU64::new(0) }
    }

    /// To be called before each transaction that writes; where there is no room, it must not begin.
    pub(crate) fn grow(&self) -> rusqlite::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let needed = needed(&self.log);
        if needed > self.taken.load(Ordering::Relaxed) {
            disk::take(file, needed)?;
            self.taken.store(needed, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// How much of the index has to be there, with the log as long as it is.
fn needed(log: &Path) -> u64 {
    let length = log.metadata().map_or(0, |log| log.len());
    (length / LOG_FOR_A_PIECE + 1 + AHEAD) * PIECE
}

#[cfg(target_os = "linux")]
mod disk {
    use std::io::ErrorKind;
    use std::path::Path;

    use rusqlite::ffi;
    use rustix::fs::{FallocateFlags, fallocate, fstatfs};
    use rustix::io::Errno;

    pub(super) use std::fs::File;

    /// What SQLite takes a block to be at least.
    const LARGE: u64 = 4096;

    fn is_small(file: &File) -> bool {
        fstatfs(file).is_ok_and(|system| u64::try_from(system.f_bsize).is_ok_and(|size| size < LARGE))
    }

    fn open(path: &Path) -> std::io::Result<File> {
        File::options().read(true).write(true).open(path)
    }

    pub(super) fn open_if_small(index: &Path) -> Option<File> {
        let folder = File::open(folder_of(index)).ok()?;
        if is_small(&folder) { open(index).ok() } else { None }
    }

    /// What room is asked for with, if it has to be: the index where there is one, of which SQLite keeps the beginning and
    /// gives back the rest, or a file without a name.
    pub(super) fn to_ask(database: &Path, index: &Path) -> std::io::Result<Option<File>> {
        let folder = folder_of(database);
        if !is_small(&File::open(folder)?) {
            return Ok(None);
        }
        match open(index) {
            Err(error) if error.kind() == ErrorKind::NotFound => tempfile::tempfile_in(folder).map(Some),
            opened => opened.map(Some),
        }
    }

    fn folder_of(path: &Path) -> &Path {
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// Has blocks given to the file up to this length. What is in it stays.
    pub(super) fn take(file: &File, length: u64) -> rusqlite::Result<()> {
        match fallocate(file, FallocateFlags::empty(), 0, length) {
            // Where the file system knows no such thing, SQLite is left to itself.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(error) => {
                let is_full = matches!(error, Errno::NOSPC | Errno::DQUOT | Errno::FBIG);
                let code = if is_full { ffi::SQLITE_FULL } else { ffi::SQLITE_IOERR };
                let said = format!("there is no room for the log's index (-shm): {error}");
                Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(said)))
            }
        }
    }
}

/// Elsewhere there is no telling.
#[cfg(not(target_os = "linux"))]
mod disk {
    use std::path::Path;

    pub(super) enum File {}

    pub(super) fn open_if_small(_: &Path) -> Option<File> {
        None
    }

    pub(super) fn to_ask(_: &Path, _: &Path) -> std::io::Result<Option<File>> {
        Ok(None)
    }

    pub(super) fn take(_: &File, _: u64) -> rusqlite::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn there_are_blocks_for_all_that_the_log_will_have_use_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chat.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x)")
            .unwrap();
        let index = with_suffix(&path, "-shm");
        // As if blocks were small here.
        let file = disk::File::options().read(true).write(true).open(&index).unwrap();
        let shm = Shm::over(&path, None, Some(file));
        let blocks = || index.metadata().unwrap().blocks() * 512;
        shm.grow().unwrap();
        assert!(blocks() >= 5 * PIECE, "{}", blocks());
        // 20 MiB, for which the index has two pieces.
        db.execute_batch(
            "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
             INSERT INTO t SELECT zeroblob(4000) FROM n",
        )
        .unwrap();
        assert!(with_suffix(&path, "-wal").metadata().unwrap().len() > LOG_FOR_A_PIECE);
        shm.grow().unwrap();
        assert!(blocks() >= 6 * PIECE, "{}", blocks());
        // Others find what is in it.
        let count = |db: &Connection| db.query_row("SELECT count(*) FROM t", (), |row| row.get::<_, i64>(0));
        assert_eq!((count(&db).unwrap(), count(&Connection::open(&path).unwrap()).unwrap()), (5000, 5000));
    }
}
