//! Disk space for the index of a write-ahead log (WAL), the `-shm` file. SQLite maps that file into memory. If the
//! disk is full, a write to a part of the map without disk space does not fail: the system kills the process (SIGBUS).
//! When SQLite grows the file, it writes one byte per 4 KiB, which is enough if the file system's blocks are that
//! large. If they are smaller, all the space has to be allocated before SQLite needs it.
//!
//! Nothing may open and close that file while this process has it open through SQLite: closing it releases all locks
//! that the process has on it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;

use crate::open::with_suffix;

/// The index grows by this number of bytes at a time ...
const PIECE: u64 = 32 * 1024;
/// ... each time the WAL has grown by this number: 4,096 pages of 4 KiB, each with the header that SQLite writes
/// before it.
const WAL_PER_PIECE: u64 = 4096 * (4096 + 24);
/// Number of pieces allocated beyond the WAL's present need, so that one transaction may fill them.
const PIECES_AHEAD: u64 = 4;

/// Allocates disk space for a WAL's index. Does nothing if blocks are large.
pub(crate) struct Shm {
    /// Closed before the file is.
    _keeper: Option<Connection>,
    file: Option<disk::File>,
    log: PathBuf,
    /// Allocated size of the index, in bytes.
    allocated: AtomicU64,
}

impl Shm {
    /// Must be called before anything in this process opens the database, since that creates the index. Fails if there
    /// is no space for it. Returns whether space has to be allocated from then on.
    pub(crate) fn is_needed(database: &Path) -> rusqlite::Result<bool> {
        match disk::allocation_file(database, &with_suffix(database, "-shm")) {
            Ok(Some(file)) => disk::allocate(&file, needed(&with_suffix(database, "-wal"))).map(|()| true),
            // The next one to open the database reports the error.
            Ok(None) | Err(_) => Ok(false),
        }
    }

    /// For an index that is known to need nothing.
    pub(crate) fn none(database: &Path) -> Self {
        Self::new(database, None, None)
    }

    /// For a database that was read through a connection of the caller that stays open longer than this.
    pub(crate) fn of(database: &Path) -> Self {
        Self::new(database, None, disk::open_if_small(&with_suffix(database, "-shm")))
    }

    /// As [`Self::of`], for a caller that may close and reopen all its connections: `keeper` keeps SQLite from
    /// rebuilding the index then.
    pub(crate) fn with_keeper(database: &Path, keeper: Connection) -> Self {
        Self::new(database, Some(keeper), disk::open_if_small(&with_suffix(database, "-shm")))
    }

    fn new(database: &Path, keeper: Option<Connection>, file: Option<disk::File>) -> Self {
        Self { _keeper: keeper, file, log: with_suffix(database, "-wal"), allocated: AtomicU64::new(0) }
    }

    /// Must be called before each transaction that writes. If it fails, the transaction must not begin.
    pub(crate) fn grow(&self) -> rusqlite::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let needed = needed(&self.log);
        if needed > self.allocated.load(Ordering::Relaxed) {
            disk::allocate(file, needed)?;
            self.allocated.store(needed, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Size that the index needs for the present length of the WAL.
fn needed(log: &Path) -> u64 {
    let length = log.metadata().map_or(0, |log| log.len());
    (length / WAL_PER_PIECE + 1 + PIECES_AHEAD) * PIECE
}

#[cfg(target_os = "linux")]
mod disk {
    use std::io::ErrorKind;
    use std::path::Path;

    use rusqlite::ffi;
    use rustix::fs::{FallocateFlags, fallocate, fstatfs};
    use rustix::io::Errno;

    pub(super) use std::fs::File;

    /// The block size that SQLite assumes.
    const SQLITE_BLOCK: u64 = 4096;

    fn is_small(file: &File) -> bool {
        fstatfs(file).is_ok_and(|system| u64::try_from(system.f_bsize).is_ok_and(|size| size < SQLITE_BLOCK))
    }

    fn open(path: &Path) -> std::io::Result<File> {
        File::options().read(true).write(true).open(path)
    }

    pub(super) fn open_if_small(index: &Path) -> Option<File> {
        let folder = File::open(folder_of(index)).ok()?;
        if is_small(&folder) { open(index).ok() } else { None }
    }

    /// The file to allocate with, if that is needed: the index if there is one, of which SQLite keeps the beginning
    /// and frees the rest, or otherwise a file without a name.
    pub(super) fn allocation_file(database: &Path, index: &Path) -> std::io::Result<Option<File>> {
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

    /// Allocates blocks for the file up to this length, and keeps its contents.
    pub(super) fn allocate(file: &File, length: u64) -> rusqlite::Result<()> {
        match fallocate(file, FallocateFlags::empty(), 0, length) {
            // If the file system cannot allocate, SQLite is left to itself.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(error) => {
                let is_full = matches!(error, Errno::NOSPC | Errno::DQUOT | Errno::FBIG);
                let code = if is_full { ffi::SQLITE_FULL } else { ffi::SQLITE_IOERR };
                let text = format!("there is no room for the log's index (-shm): {error}");
                Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(text)))
            }
        }
    }
}

/// On other systems the block size is not known.
#[cfg(not(target_os = "linux"))]
mod disk {
    use std::path::Path;

    pub(super) enum File {}

    pub(super) fn open_if_small(_: &Path) -> Option<File> {
        None
    }

    pub(super) fn allocation_file(_: &Path, _: &Path) -> std::io::Result<Option<File>> {
        Ok(None)
    }

    pub(super) fn allocate(_: &File, _: u64) -> rusqlite::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn blocks_are_allocated_for_the_whole_index() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chat.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x)")
            .unwrap();
        let index = with_suffix(&path, "-shm");
        // As if blocks were small here.
        let file = disk::File::options().read(true).write(true).open(&index).unwrap();
        let shm = Shm::new(&path, None, Some(file));
        let blocks = || index.metadata().unwrap().blocks() * 512;
        shm.grow().unwrap();
        assert!(blocks() >= 5 * PIECE, "{}", blocks());
        // 20 MiB, for which the index has two pieces.
        db.execute_batch(
            "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
             INSERT INTO t SELECT zeroblob(4000) FROM n",
        )
        .unwrap();
        assert!(with_suffix(&path, "-wal").metadata().unwrap().len() > WAL_PER_PIECE);
        shm.grow().unwrap();
        assert!(blocks() >= 6 * PIECE, "{}", blocks());
        // Other connections see the rows.
        let count = |db: &Connection| db.query_row("SELECT count(*) FROM t", (), |row| row.get::<_, i64>(0));
        assert_eq!((count(&db).unwrap(), count(&Connection::open(&path).unwrap()).unwrap()), (5000, 5000));
    }
}
