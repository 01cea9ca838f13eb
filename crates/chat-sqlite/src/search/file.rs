//! The index's file: where it is, what is in it, and who has it open. Nothing here knows the database.

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
use crate::writer::forget_what_is_deleted;

/// What is added to the database's name.
const SUFFIX: &str = "-search";
/// What SQLite adds to the index's.
const LOGS: [&str; 3] = ["-wal", "-shm", "-journal"];
/// Moved whenever an index of an earlier release would not do.
const VERSION: i64 = 1;
const READER_CACHE_KIB: i64 = 8 * 1024;
const WRITER_CACHE_KIB: i64 = 16 * 1024;
/// Pages of write-ahead log after which it is moved into the file: seldom, since that takes an fsync.
const PAGES_PER_CHECKPOINT: i64 = 4096;

/// The index keeps no text: only which words are in which message. `scope` has a token for the conversation, one for
/// the sender and one for whether there is media, so that the index itself can leave out what is not asked for. The
/// beginnings of words are indexed up to three letters: so short ones have too many words to go through.
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

/// How far the index has come, and with which log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// Of the log.
    pub(super) epoch: i64,
    /// The last message that is in.
    pub(super) message: i64,
    /// The last change of an earlier message that is in.
    pub(super) position: i64,
}

/// Opens the index for writing, as far as it is one of ours; `None` where there is none.
pub(super) fn open(shelf: &Shelf) -> rusqlite::Result<Option<(Connection, State)>> {
    if !shelf.path.exists() {
        return Ok(None);
    }
    shelf.make_room()?;
    let connection = connect(&shelf.path)?;
    let sql = "SELECT epoch, message, position FROM state WHERE version = ?1";
    let state = connection.query_row(sql, [VERSION], |row| {
        Ok(State { epoch: row.get(0)?, message: row.get(1)?, position: row.get(2)? })
    })?;
    purge::prepare(&connection)?;
    Ok(Some((connection, state)))
}

/// Makes an empty index where there is none.
pub(super) fn create(shelf: &Shelf, state: State) -> rusqlite::Result<Connection> {
    // Made before SQLite would make it, because words of messages are in it; its log gets the same permissions.
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&shelf.path).map_err(as_sql)?;
    shelf.make_room()?;
    let mut connection = connect(&shelf.path)?;
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

/// Where the index of a database is.
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
    // No commit waits for the disk, and yet a power cut leaves an index that is whole, if an older one.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "wal_autocheckpoint", PAGES_PER_CHECKPOINT)?;
    forget_what_is_deleted(&connection)?;
    Ok(connection)
}

/// Whether the file is at fault, rather than the disk below or somebody who holds a lock.
pub(super) fn is_broken(error: &rusqlite::Error) -> bool {
    let is_damaged =
        matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase));
    // An empty file is a database without tables; SQLite has no code of its own for that.
    is_damaged || error.to_string().starts_with("no such table")
}

/// Reading connections to the index that nobody uses at present.
pub(super) struct Shelf {
    /// The index.
    pub(super) path: PathBuf,
    inner: Mutex<Inner>,
    /// Wakes the indexing thread.
    ring: Sender<()>,
}

#[derive(Default)]
struct Inner {
    free: Vec<Connection>,
    /// Counts the files that there have been: a connection to an earlier one is of no use.
    file: u64,
    broken: bool,
    /// Once the file is open.
    shm: Option<Shm>,
}

impl Shelf {
    pub(super) fn new(database: &Path, ring: Sender<()>) -> Self {
        Self { path: with_suffix(database, SUFFIX), inner: Mutex::default(), ring }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `work` read the index. Where that shows the file to be broken, it is made anew in the background.
    pub(super) fn lend<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Trouble>) -> fault::Result<T> {
        let (file, free) = {
            let mut inner = self.inner();
            if inner.broken {
                return Err(being_made().into());
            }
            (inner.file, inner.free.pop())
        };
        let connect = || self.make_room().and_then(|()| connect_to_read(&self.path)).map_err(Trouble::Index);
        let lent = free.map_or_else(connect, Ok);
        match lent.and_then(|connection| Ok((work(&connection)?, connection))) {
            Ok((answer, connection)) => {
                let mut inner = self.inner();
                if inner.file == file {
                    inner.free.push(connection);
                }
                Ok(answer)
            }
            Err(Trouble::Index(error)) if is_broken(&error) => {
                tracing::warn!(error = %error, "the search index is broken and will be rebuilt");
                self.inner().broken = true;
                let _ = self.ring.try_send(());
                Err(being_made().into())
            }
            Err(Trouble::Index(error) | Trouble::Database(error)) => Err(error.into()),
        }
    }

    /// Sees to it that there is room for the next transaction. To be called before the file is opened and before each
    /// transaction, so that SQLite need not find out.
    pub(super) fn make_room(&self) -> rusqlite::Result<()> {
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

    /// Closes what there is, when nobody uses it any more.
    pub(super) fn close(&self) {
        self.clear();
        self.inner().shm = None;
    }

    /// Whether a reader found the file broken.
    pub(super) fn is_broken(&self) -> bool {
        self.inner().broken
    }

    /// Closes what is open; connections that are in use are closed after that.
    pub(super) fn clear(&self) {
        let mut inner = self.inner();
        inner.file += 1;
        inner.broken = false;
        inner.free.clear();
    }
}

fn being_made() -> Error {
    Error::Unavailable("rebuilding the search index".into())
}

/// In which of the two files something went wrong.
#[derive(Debug)]
pub(super) enum Trouble {
    Index(rusqlite::Error),
    Database(rusqlite::Error),
}

impl Trouble {
    /// Whether it ends with a new index, rather than by waiting for somebody to free the disk or let go of a lock.
    pub(super) fn is_of_the_file(&self) -> bool {
        matches!(self, Self::Index(error) if !fault::is_passing(error))
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Index(error) | Self::Database(error)) = self;
        error.fmt(f)
    }
}

impl From<rusqlite::Error> for Trouble {
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
