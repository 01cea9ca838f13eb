//! The checks of a database file before it is served: it is locked against a second server and identified, backed up
//! and migrated if it is older, and refused with one clear sentence if it cannot be used. An existing file is never
//! recreated.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chat_core::ports::EventSink;
use chat_core::sync::Epoch;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::error::OpenError;
use crate::location::{check_names, check_remains};
use crate::lock::Lock;
use crate::reader::Readers;
use crate::served::ServedFile;
use crate::shm::Shm;
use crate::writer::{Writer, enable_secure_delete};
use crate::{Sqlite, legacy, schema, search, served};
use chat_store::Metrics;

const MAGIC: &[u8] = b"SQLite format 3\0";
/// Length of the header of a SQLite file, in bytes.
const HEADER: usize = 100;
/// Suffixes of the logs that SQLite keeps beside a database.
pub(crate) const LOGS: [&str; 2] = ["-wal", "-journal"];

/// How to open a database.
#[derive(Debug, Clone)]
pub struct Options {
    /// The file. It is created if it does not exist.
    pub path: PathBuf,
    /// Number of reading threads.
    pub readers: usize,
    /// Whether messages can be searched. Needs a file beside the database and up to a quarter of a core.
    pub search: bool,
}

/// A database that is ready to serve.
pub struct Opened {
    pub store: Sqlite,
    /// Whether the file was created just now.
    pub is_new: bool,
    /// The backup that was made before the migration, if the file was migrated.
    pub backup: Option<PathBuf>,
}

/// A database that is locked, migrated and marked as served. Nothing reads or writes it yet.
pub struct Prepared {
    path: PathBuf,
    readers: usize,
    search: bool,
    marked: ServedFile,
    epoch: Epoch,
    backup: Option<PathBuf>,
    /// Whether the file was created just now.
    pub is_new: bool,
    /// Declared last, so that it outlives the connection.
    lock: Lock,
}

impl Sqlite {
    /// Opens the file and starts the writing and reading threads: [`Sqlite::prepare`] and [`Prepared::open`] in one
    /// call.
    pub fn open(options: &Options, sink: Arc<dyn EventSink>) -> Result<Opened, OpenError> {
        Self::prepare(options)?.open(sink)
    }

    /// Locks the file, and creates or migrates it if needed.
    pub fn prepare(options: &Options) -> Result<Prepared, OpenError> {
        let path = followed(&options.path);
        let mut lock = Lock::wait_for(&path)?;
        let has_log = is_filled(&with_suffix(&path, "-wal"));
        let is_new = !check_file(&path)?;
        let backup = if is_new {
            create(&path).map(|()| None)?
        } else {
            check_names(&path)?;
            served::check_log(&path, &lock.known(), has_log)?;
            Shm::is_needed(&path).map_err(|error| OpenError::of(&path, error))?;
            prepare(&path)?
        };
        lock.take_file(&path)?;
        let marked = served::begin(&path, &lock, has_log)?;
        let epoch = epoch(&path, marked.first.as_ref()).map_err(|error| OpenError::of(&path, error))?;
        let Options { readers, search, .. } = *options;
        Ok(Prepared { path, readers, search, lock, marked, epoch, backup, is_new })
    }
}

fn epoch(path: &Path, first: Option<&Connection>) -> rusqlite::Result<Epoch> {
    let read = |db: &Connection| db.query_row("SELECT epoch FROM log", (), |row| row.get(0).map(Epoch));
    first.map_or_else(|| read(&Connection::open(path)?), read)
}

impl Prepared {
    /// The epoch of the log in the file. It stays the same while the file is served.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Starts the writing and reading threads. Every commit is published to `sink`.
    pub fn open(self, sink: Arc<dyn EventSink>) -> Result<Opened, OpenError> {
        let Self { path, readers, search, lock, marked, backup, is_new, .. } = self;
        let ServedFile { first, shm, announced } = marked;
        let (sink, listener) = if search { search::listen(sink) } else { (sink, None) };
        let metrics =
            Metrics { search: listener.as_ref().map(|listener| listener.lag.clone()), ..Metrics::default() };
        let writer = Writer::start(&path, (shm, announced), sink, metrics.writer.clone())?;
        drop(first);
        let readers = Readers::start(&path, readers, (metrics.readers.clone(), writer.contents()))?;
        let search =
            listener.map(|listener| search::Index::start(&path, listener, writer.contents())).transpose()?;
        let store = Sqlite { writer, readers, search, metrics, _lock: lock };
        Ok(Opened { store, is_new, backup })
    }
}

/// The target of a symbolic link, so that one database has one lock under all names.
pub fn followed(path: &Path) -> PathBuf {
    if !path.is_symlink() {
        return path.to_owned();
    }
    // The system resolves every link except one to a file that does not exist yet.
    let target = || Some(path.parent()?.join(path.read_link().ok()?));
    path.canonicalize().ok().or_else(target).unwrap_or_else(|| path.to_owned())
}

/// Appends a suffix to the whole file name, as SQLite does.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Whether the file exists. Refuses a file that is not a database, because SQLite might take it for an empty one.
pub(crate) fn check_file(path: &Path) -> Result<bool, OpenError> {
    let damaged = |reason: &str| OpenError::Damaged(path.to_owned(), reason.to_owned());
    let unwritable = |error| OpenError::Unwritable { path: path.to_owned(), error };
    let mut file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(unwritable(source)),
    };
    let mut header = [0; HEADER];
    if file.read_exact(&mut header).is_err() {
        return Err(damaged("the file is too short"));
    }
    if !header.starts_with(MAGIC) {
        return Err(damaged("it does not begin like an SQLite file"));
    }
    // SQLite would fill up the last page with zeros. If there is a log, however, the log can repair the page.
    let has_log = LOGS.iter().any(|suffix| is_filled(&with_suffix(path, suffix)));
    let length = file.metadata().map_err(unwritable)?.len();
    if !has_log && length % page_size(&header) != 0 {
        return Err(damaged("it ends in the middle of a page"));
    }
    Ok(true)
}

/// Page size from a SQLite header. There, 1 means 65,536, which does not fit into two bytes.
fn page_size(header: &[u8; HEADER]) -> u64 {
    match u16::from_be_bytes([header[16], header[17]]) {
        0 | 1 => 65_536,
        size => size.into(),
    }
}

pub(crate) fn is_filled(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.len() > 0)
}

/// Creates the database under another name and renames it when it is complete, so that an interruption cannot leave a
/// file without tables.
fn create(path: &Path) -> Result<(), OpenError> {
    // SQLite would apply another database's log to the new file, and the server would take its key for the new one's.
    check_remains(path)?;
    let unwritable = |error| OpenError::Unwritable { path: path.to_owned(), error };
    let draft = with_suffix(path, ".creating");
    for leftover in [draft.clone(), with_suffix(&draft, "-journal")] {
        match std::fs::remove_file(leftover) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(unwritable(error)),
            _ => {}
        }
    }
    let sql_error = |error| OpenError::of(path, error);
    // Created before SQLite does it, with restricted permissions, because it holds password hashes. SQLite gives its
    // logs the same permissions.
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&draft).map_err(unwritable)?;
    let mut connection = Connection::open(&draft).map_err(sql_error)?;
    enable_secure_delete(&connection).map_err(sql_error)?;
    schema::migrate(&mut connection, 0).map_err(sql_error)?;
    connection.close().map_err(|(_, error)| sql_error(error))?;
    std::fs::rename(&draft, path).map_err(unwritable)?;
    sync_folder(path);
    Ok(())
}

/// Makes a rename survive a power cut, on systems that can open a folder to sync it.
pub(crate) fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

/// Identifies the file, and migrates it if needed. Returns the path of the backup if it was migrated.
pub(crate) fn prepare(path: &Path) -> Result<Option<PathBuf>, OpenError> {
    let sql_error = |error| OpenError::of(path, error);
    let mut connection = Connection::open(path).map_err(sql_error)?;
    connection.busy_timeout(std::time::Duration::from_secs(2)).map_err(sql_error)?;
    enable_secure_delete(&connection).map_err(sql_error)?;
    // Otherwise, closing a refused file would move its write-ahead log into it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(sql_error)?;
    let found = schema::recognise(&connection).map_err(sql_error)?;
    let version = match found {
        schema::Found::Current => return Ok(None),
        schema::Found::Older(version) => Some(version),
        schema::Found::Legacy => None,
        schema::Found::Newer(found) => {
            return Err(OpenError::Newer { path: path.to_owned(), found, known: schema::VERSION });
        }
        schema::Found::Foreign => return Err(OpenError::Foreign(path.to_owned())),
        schema::Found::Backup => return Err(OpenError::IsBackup(path.to_owned())),
    };
    let backup = back_up(&connection, path)?;
    let migrated = match version {
        Some(version) => schema::migrate(&mut connection, version),
        None => legacy::migrate(&mut connection),
    };
    if let Err(error) = migrated {
        // The file is unchanged, and a server that is restarted again and again must not fill the disk with copies.
        let _ = std::fs::remove_file(backup);
        return Err(sql_error(error));
    }
    Ok(Some(backup))
}

/// Copies the database to `<file>.backup-<seconds since 1970>`, readable only by its owner. The copy gets that name
/// once it is complete and on disk.
fn back_up(connection: &Connection, path: &Path) -> Result<PathBuf, OpenError> {
    let failed = |error: &dyn std::fmt::Display| OpenError::Migration {
        path: path.to_owned(),
        reason: format!("cannot make a backup: {error}"),
    };
    let seconds: i64 =
        connection.query_row("SELECT unixepoch()", (), |row| row.get(0)).map_err(|error| failed(&error))?;
    let draft = with_suffix(path, ".backup-unfinished");
    let target = draft.to_str().ok_or_else(|| failed(&"the path is not valid UTF-8"))?;
    let copied = private(&draft).map_err(|error| failed(&error)).and_then(|file| {
        connection.execute("VACUUM INTO ?1", [target]).map_err(|error| failed(&error))?;
        file.sync_all().map_err(|error| failed(&error))
    });
    if let Err(error) = copied {
        let _ = std::fs::remove_file(draft);
        return Err(error);
    }
    let mut backup = with_suffix(path, &format!(".backup-{seconds}"));
    for number in 2.. {
        if !backup.exists() {
            break;
        }
        backup = with_suffix(path, &format!(".backup-{seconds}-{number}"));
    }
    std::fs::rename(&draft, &backup).map_err(|error| failed(&error))?;
    sync_folder(path);
    Ok(backup)
}

/// Creates an empty file that only its owner can read, since it will hold password hashes.
fn private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
