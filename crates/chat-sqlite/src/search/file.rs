//! The index's file: its path, its tables and its connections. Nothing here reads the database.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_core::Error;
use crossbeam_channel::Sender;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::purge;
use crate::fault;
use crate::open::with_suffix;
use crate::shm::Shm;
use crate::writer::enable_secure_delete;

/// Suffix of the index beside the database.
const SUFFIX: &str = "-search";
/// Suffixes of the files that SQLite keeps beside the index.
const LOGS: [&str; 3] = ["-wal", "-shm", "-journal"];
/// Version of the index. Raised when an index of an earlier release can no longer be used.
const VERSION: i64 = 1;
const READER_CACHE_KIB: i64 = 8 * 1024;
const WRITER_CACHE_KIB: i64 = 16 * 1024;
/// Number of pages in the write-ahead log after which they are moved into the file. High, since a checkpoint takes an
/// fsync.
const PAGES_PER_CHECKPOINT: i64 = 4096;

/// The index stores no text, only which words are in which message. `scope` has a token for the conversation, one for
/// the sender and one for whether there is media, so that the index itself can filter by them. Prefixes are indexed up
/// to three letters, because shorter prefixes match too many words to scan.
const TABLES: &str = "
    CREATE VIRTUAL TABLE texts USING fts5 (
        content, scope,
        content = '', contentless_delete = 1, prefix = '1 2 3', tokenize = 'unicode61 remove_diacritics 2'
    );
    INSERT INTO texts (texts, rank) VALUES ('hashsize', 8388608);
    CREATE TABLE state (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        version  INTEGER NOT NULL,
        epoch    INTEGER NOT NULL,
        message  INTEGER NOT NULL,
        position INTEGER NOT NULL
    ) STRICT;";

/// How far the index has come, and in which log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// Epoch of the log.
    pub(super) epoch: i64,
    /// Id of the last message in the index.
    pub(super) message: i64,
    /// Log position of the last change, of a message that was in the index, that the index contains.
    pub(super) position: i64,
}

/// Opens the index for writing; `None` if there is none. Fails if the file is not an index of this version.
pub(super) fn open(index_file: &IndexFile) -> rusqlite::Result<Option<(Connection, State)>> {
    if !index_file.path.exists() {
        return Ok(None);
    }
    index_file.reserve_space()?;
    let connection = connect(&index_file.path)?;
    let sql = "SELECT epoch, message, position FROM state WHERE version = ?1";
    let state = connection.query_row(sql, [VERSION], |row| {
        Ok(State { epoch: row.get(0)?, message: row.get(1)?, position: row.get(2)? })
    })?;
    purge::prepare(&connection)?;
    Ok(Some((connection, state)))
}

/// Creates an empty index. Fails if there is one.
pub(super) fn create(index_file: &IndexFile, state: State) -> rusqlite::Result<Connection> {
    // Created before SQLite does it, with restricted permissions, because it holds words of messages. SQLite gives its
    // log the same permissions.
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&index_file.path).map_err(as_sql)?;
    index_file.reserve_space()?;
    let mut connection = connect(&index_file.path)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.execute_batch(purge::TABLE)?;
    transaction.execute(
        "INSERT INTO state (only_row, version, epoch, message, position) VALUES (1, ?1, ?2, ?3, ?4)",
        [VERSION, state.epoch, state.message, state.position],
    )?;
    transaction.commit()?;
    Ok(connection)
}

/// Path of the index of a database.
pub(super) fn beside(database: &Path) -> PathBuf {
    with_suffix(database, SUFFIX)
}

/// Removes the file and its logs.
pub(super) fn discard(path: &Path) -> rusqlite::Result<()> {
    for file in LOGS.map(|suffix| with_suffix(path, suffix)).into_iter().chain([path.to_owned()]) {
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(as_sql(error)),
            _ => {}
        }
    }
    Ok(())
}

fn as_sql(error: std::io::Error) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
    rusqlite::Error::SqliteFailure(code, Some(error.to_string()))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // No commit waits for the disk. A power cut may lose the last commits, but leaves a sound index.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "wal_autocheckpoint", PAGES_PER_CHECKPOINT)?;
    enable_secure_delete(&connection)?;
    Ok(connection)
}

/// Whether the file is damaged. Otherwise the disk or somebody else's lock is the cause.
pub(super) fn is_broken(error: &rusqlite::Error) -> bool {
    let is_damaged =
        matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase));
    // An empty file is a database without tables; SQLite has no error code for that.
    is_damaged || error.to_string().starts_with("no such table")
}

/// The index file, with the reading connections that are not in use.
pub(super) struct IndexFile {
    pub(super) path: PathBuf,
    inner: Mutex<Inner>,
    /// Wakes the indexing thread.
    wake: Sender<()>,
}

#[derive(Default)]
struct Inner {
    free: Vec<Connection>,
    /// Number of index files so far: a connection to an earlier file is useless.
    file: u64,
    broken: bool,
    /// Set once the file is open.
    shm: Option<Shm>,
}

impl IndexFile {
    pub(super) fn new(database: &Path, wake: Sender<()>) -> Self {
        Self { path: with_suffix(database, SUFFIX), inner: Mutex::default(), wake }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `work` read the index. If it finds the file damaged, the index is rebuilt in the background.
    pub(super) fn read_with<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, SearchError>,
    ) -> fault::Result<T> {
        let (file, free) = {
            let mut inner = self.inner();
            if inner.broken {
                return Err(rebuilding().into());
            }
            (inner.file, inner.free.pop())
        };
        let connect =
            || self.reserve_space().and_then(|()| connect_to_read(&self.path)).map_err(SearchError::Index);
        let connected = free.map_or_else(connect, Ok);
        match connected.and_then(|connection| Ok((work(&connection)?, connection))) {
            Ok((answer, connection)) => {
                let mut inner = self.inner();
                if inner.file == file {
                    inner.free.push(connection);
                }
                Ok(answer)
            }
            Err(SearchError::Index(error)) if is_broken(&error) => {
                tracing::warn!(error = %error, "the search index is broken and will be rebuilt");
                self.inner().broken = true;
                let _ = self.wake.try_send(());
                Err(rebuilding().into())
            }
            Err(SearchError::Index(error) | SearchError::Database(error)) => Err(error.into()),
        }
    }

    /// Reserves disk space for the next transaction. Must be called before the file is opened and before each
    /// transaction, so that SQLite never runs out of space in its memory map.
    pub(super) fn reserve_space(&self) -> rusqlite::Result<()> {
        let mut inner = self.inner();
        let shm = match inner.shm.take() {
            Some(shm) => shm,
            None if !Shm::is_needed(&self.path)? => Shm::none(&self.path),
            None => {
                let keeper = connect(&self.path)?;
                keeper.query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(()))?;
                Shm::with_keeper(&self.path, keeper)
            }
        };
        inner.shm.insert(shm).grow()
    }

    /// Removes the file and its logs.
    pub(super) fn discard(&self) -> rusqlite::Result<()> {
        self.inner().shm = None;
        discard(&self.path)
    }

    /// Closes all connections. Must be called when none is in use.
    pub(super) fn close(&self) {
        self.clear();
        self.inner().shm = None;
    }

    /// Whether a reader found the file damaged.
    pub(super) fn is_broken(&self) -> bool {
        self.inner().broken
    }

    /// Closes the connections that are not in use. Others are closed when they are returned.
    pub(super) fn clear(&self) {
        let mut inner = self.inner();
        inner.file += 1;
        inner.broken = false;
        inner.free.clear();
    }
}

fn rebuilding() -> Error {
    Error::Unavailable("rebuilding the search index".into())
}

/// An error of one of the two files.
#[derive(Debug)]
pub(super) enum SearchError {
    Index(rusqlite::Error),
    Database(rusqlite::Error),
}

impl SearchError {
    /// Whether a new index solves it. Other errors end when somebody frees the disk or releases a lock.
    pub(super) fn needs_new_index(&self) -> bool {
        matches!(self, Self::Index(error) if !fault::is_passing(error))
    }
}

impl std::fmt::Display for SearchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Index(error) | Self::Database(error)) = self;
        error.fmt(f)
    }
}

impl From<rusqlite::Error> for SearchError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

fn connect_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}
