//! What happens to a database file before it is served: it is locked against a second server, recognised, backed up
//! and migrated where it is older, and refused with one clear sentence where it can't be used. A file that is there
//! is never recreated.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chat_core::ports::EventSink;
use rusqlite::{Connection, ErrorCode};

use crate::reader::Readers;
use crate::writer::Writer;
use crate::{Sqlite, schema};

/// How to open a database.
#[derive(Debug, Clone)]
pub struct Options {
    /// The file; made when it is not there.
    pub path: PathBuf,
    /// How many threads read.
    pub readers: usize,
}

/// A database that is ready to serve.
pub struct Opened {
    /// The store.
    pub store: Sqlite,
    /// Whether the file was made just now.
    pub is_new: bool,
    /// The copy of the file from before its migration, if it was migrated.
    pub backup: Option<PathBuf>,
}

/// Why a database can't be used. Each variant reads as a sentence for the person who started the server.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server has the file open.
    #[error(
        "{0} is in use by another ChatServer; stop that one, or give this one a file of its own with --database"
    )]
    InUse(PathBuf),
    /// The file or its folder can't be written.
    #[error(
        "{path} cannot be opened for writing ({source}); check the folder's permissions, or choose another place with --database"
    )]
    Unwritable {
        /// The database.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no SQLite database, or a damaged one.
    #[error(
        "{0} is damaged or no SQLite database ({1}); it was left as it is: restore a backup, or move it away to start anew"
    )]
    Damaged(PathBuf, String),
    /// The file belongs to another program.
    #[error(
        "{0} is a database of another program; it was left as it is: choose another file with --database"
    )]
    Foreign(PathBuf),
    /// A later release wrote the file.
    #[error(
        "{path} was written by a newer ChatServer (schema {found}, this one knows {known}); start that release instead"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The schema of the file.
        found: i64,
        /// The newest schema that this release knows.
        known: i64,
    },
    /// The earlier Go server's data could not be taken over.
    #[error("{path} could not be migrated ({reason}); it was left as it is")]
    Migration {
        /// The database.
        path: PathBuf,
        /// What was in the way.
        reason: String,
    },
    /// The system gave no thread.
    #[error("a thread could not be started ({0})")]
    Thread(std::io::Error),
}

impl OpenError {
    /// The sentence for an error of SQLite's at start.
    pub(crate) fn of(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::Unwritable { path, source: std::io::Error::other(error) }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse(path),
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::Damaged(path, error.to_string())
            }
            _ => Self::Migration { path, reason: error.to_string() },
        }
    }
}

impl Sqlite {
    /// Opens the file, making or migrating it where needed, and starts the writing and reading threads. `sink` is
    /// told of every commit.
    pub fn open(options: &Options, sink: Arc<dyn EventSink>) -> Result<Opened, OpenError> {
        let path = options.path.as_path();
        let lock = lock(path)?;
        let is_new = !check_file(path)?;
        let backup = prepare(path, is_new)?;
        let writer = Writer::start(path, sink)?;
        let readers = Readers::start(path, options.readers)?;
        Ok(Opened { store: Sqlite { writer, readers, _lock: lock }, is_new, backup })
    }
}

/// The system lets go of the lock when the file is closed, however the process ends.
fn lock(path: &Path) -> Result<File, OpenError> {
    let unwritable = |source| OpenError::Unwritable { path: path.to_owned(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(unwritable)?;
    }
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(lock_path).map_err(unwritable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(unwritable(source)),
    }
}

/// Whether the file is there; refuses one that is no database, before SQLite could take it for an empty one.
fn check_file(path: &Path) -> Result<bool, OpenError> {
    let damaged = |reason: &str| OpenError::Damaged(path.to_owned(), reason.to_owned());
    let mut file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(OpenError::Unwritable { path: path.to_owned(), source }),
    };
    let mut magic = [0; 16];
    match file.read_exact(&mut magic) {
        Ok(()) if &magic == b"SQLite format 3\0" => Ok(true),
        Ok(()) => Err(damaged("it does not begin as an SQLite file does")),
        Err(_) => Err(damaged("the file is too short")),
    }
}

fn prepare(path: &Path, is_new: bool) -> Result<Option<PathBuf>, OpenError> {
    let mut connection = Connection::open(path).map_err(|error| OpenError::of(path, error))?;
    let prepared = prepare_connection(&mut connection, path, is_new);
    if is_new && prepared.is_err() {
        // What we made just now and could not finish is not left behind as a database without tables.
        drop(connection);
        let _ = std::fs::remove_file(path);
    }
    prepared
}

fn prepare_connection(
    connection: &mut Connection,
    path: &Path,
    is_new: bool,
) -> Result<Option<PathBuf>, OpenError> {
    let sql_error = |error| OpenError::of(path, error);
    connection.busy_timeout(std::time::Duration::from_secs(2)).map_err(sql_error)?;
    if is_new {
        schema::create(connection).map_err(sql_error)?;
        return Ok(None);
    }
    match schema::recognise(connection).map_err(sql_error)? {
        schema::Found::Current => Ok(None),
        schema::Found::Older(version) => {
            let backup = back_up(connection, path)?;
            schema::migrate(connection, version).map_err(sql_error)?;
            Ok(Some(backup))
        }
        schema::Found::Newer(found) => {
            Err(OpenError::Newer { path: path.to_owned(), found, known: schema::VERSION })
        }
        schema::Found::Foreign => Err(OpenError::Foreign(path.to_owned())),
    }
}

/// Copies the database beside itself as `<file>.backup-<seconds since 1970>`, readable like the original.
fn back_up(connection: &Connection, path: &Path) -> Result<PathBuf, OpenError> {
    let failed = |reason: String| OpenError::Migration { path: path.to_owned(), reason };
    let seconds: i64 = connection
        .query_row("SELECT unixepoch()", (), |row| row.get(0))
        .map_err(|error| failed(error.to_string()))?;
    let mut backup = path.as_os_str().to_owned();
    backup.push(format!(".backup-{seconds}"));
    let backup = PathBuf::from(backup);
    let target = backup.to_str().ok_or_else(|| failed("the path is not valid UTF-8".into()))?;
    connection
        .execute("VACUUM INTO ?1", [target])
        .map_err(|error| failed(format!("no backup could be made: {error}")))?;
    Ok(backup)
}
