//! What happens to a database file before it is served: it is locked against a second server, recognised, backed up
//! and migrated where it is older, and refused with one clear sentence where it can't be used. A file that is there
//! is never recreated.

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
use crate::lock::Lock;
use crate::place::{check_names, check_remains};
use crate::reader::Readers;
use crate::served::Begun;
use crate::shm::Shm;
use crate::writer::{Writer, forget_what_is_deleted};
use crate::{Sqlite, legacy, schema, search, served};
use chat_store::Metrics;

const MAGIC: &[u8] = b"SQLite format 3\0";
/// Length of the header of an SQLite file.
const HEADER: usize = 100;
/// What SQLite adds to a database's name for the logs that belong to it.
pub(crate) const LOGS: [&str; 2] = ["-wal", "-journal"];

/// How to open a database.
#[derive(Debug, Clone)]
pub struct Options {
    /// The file; made when it is not there.
    pub path: PathBuf,
    /// How many threads read.
    pub readers: usize,
    /// Whether messages can be searched; takes a file beside the database and up to a quarter of a core.
    pub search: bool,
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

/// A database that is locked, migrated and marked as served; nothing reads or writes it yet.
pub struct Prepared {
    path: PathBuf,
    readers: usize,
    search: bool,
    begun: Begun,
    epoch: Epoch,
    backup: Option<PathBuf>,
    /// Whether the file was made just now.
    pub is_new: bool,
    /// Last, so that it outlives the connection.
    lock: Lock,
}

impl Sqlite {
    /// Opens the file and starts the writing and reading threads: [`Sqlite::prepare`] and [`Prepared::open`] in one.
    pub fn open(options: &Options, sink: Arc<dyn EventSink>) -> Result<Opened, OpenError> {
        Self::prepare(options)?.open(sink)
    }

    /// Locks the file, and makes or migrates it where needed.
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
        let begun = served::begin(&path, &lock, has_log)?;
        let epoch = epoch(&path, begun.first.as_ref()).map_err(|error| OpenError::of(&path, error))?;
        let Options { readers, search, .. } = *options;
        Ok(Prepared { path, readers, search, lock, begun, epoch, backup, is_new })
    }
}

fn epoch(path: &Path, first: Option<&Connection>) -> rusqlite::Result<Epoch> {
    let read = |db: &Connection| db.query_row("SELECT epoch FROM log", (), |row| row.get(0).map(Epoch));
    first.map_or_else(|| read(&Connection::open(path)?), read)
}

impl Prepared {
    /// The epoch of the log in the file, which stays so while the file is served.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Starts the writing and reading threads. `sink` is told of every commit.
    pub fn open(self, sink: Arc<dyn EventSink>) -> Result<Opened, OpenError> {
        let Self { path, readers, search, lock, begun, backup, is_new, .. } = self;
        let Begun { first, shm, told } = begun;
        let (sink, ear) = if search { search::listen(sink) } else { (sink, None) };
        let metrics = Metrics { search: ear.as_ref().map(|ear| ear.lag.clone()), ..Metrics::default() };
        let writer = Writer::start(&path, (shm, told), sink, metrics.writer.clone())?;
        drop(first);
        let readers = Readers::start(&path, readers, (metrics.readers.clone(), writer.contents()))?;
        let search = ear.map(|ear| search::Index::start(&path, ear, writer.contents())).transpose()?;
        let store = Sqlite { writer, readers, search, metrics, _lock: lock };
        Ok(Opened { store, is_new, backup })
    }
}

/// The file behind a symbolic link, so that one database has one lock whatever name it is opened by.
pub fn followed(path: &Path) -> PathBuf {
    if !path.is_symlink() {
        return path.to_owned();
    }
    // Only a link to a file that is not made yet can't be resolved by the system.
    let target = || Some(path.parent()?.join(path.read_link().ok()?));
    path.canonicalize().ok().or_else(target).unwrap_or_else(|| path.to_owned())
}

/// The name with something added, as SQLite does it.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Whether the file is there; refuses one that is no database, before SQLite could take it for an empty one.
pub(crate) fn check_file(path: &Path) -> Result<bool, OpenError> {
    let damaged = |reason: &str| OpenError::Damaged(path.to_owned(), reason.to_owned());
    let unwritable = |source| OpenError::Unwritable { path: path.to_owned(), source };
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
    // SQLite would fill up the last page with zeros. Where a log is there, though, it can mend the page.
    let has_log = LOGS.iter().any(|suffix| is_filled(&with_suffix(path, suffix)));
    let length = file.metadata().map_err(unwritable)?.len();
    if !has_log && length % page_size(&header) != 0 {
        return Err(damaged("it ends in the middle of a page"));
    }
    Ok(true)
}

/// The page size as an SQLite header says it: 1 stands for 65,536, which two bytes can't hold.
fn page_size(header: &[u8; HEADER]) -> u64 {
    match u16::from_be_bytes([header[16], header[17]]) {
        0 | 1 => 65_536,
        size => size.into(),
    }
}

pub(crate) fn is_filled(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.len() > 0)
}

/// Makes a database under another name and renames it when it is whole: no interruption leaves one without tables.
fn create(path: &Path) -> Result<(), OpenError> {
    // SQLite would play another database's log into the new one, and its key would be taken for the new one's.
    check_remains(path)?;
    let unwritable = |source| OpenError::Unwritable { path: path.to_owned(), source };
    let draft = with_suffix(path, ".creating");
    for leftover in [draft.clone(), with_suffix(&draft, "-journal")] {
        match std::fs::remove_file(leftover) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(unwritable(error)),
            _ => {}
        }
    }
    let sql_error = |error| OpenError::of(path, error);
    // Made before SQLite would make it, because it holds password hashes; its logs get the same permissions.
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&draft).map_err(unwritable)?;
    let mut connection = Connection::open(&draft).map_err(sql_error)?;
    forget_what_is_deleted(&connection).map_err(sql_error)?;
    schema::migrate(&mut connection, 0).map_err(sql_error)?;
    connection.close().map_err(|(_, error)| sql_error(error))?;
    std::fs::rename(&draft, path).map_err(unwritable)?;
    sync_folder(path);
    Ok(())
}

/// Makes a rename last through a power cut, where the system lets a folder be opened for that.
pub(crate) fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

/// Recognises the file and migrates it where needed; answers the backup if so.
pub(crate) fn prepare(path: &Path) -> Result<Option<PathBuf>, OpenError> {
    let sql_error = |error| OpenError::of(path, error);
    let mut connection = Connection::open(path).map_err(sql_error)?;
    connection.busy_timeout(std::time::Duration::from_secs(2)).map_err(sql_error)?;
    forget_what_is_deleted(&connection).map_err(sql_error)?;
    // Else closing a file that is refused would move its write-ahead log into it.
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
        // The file is as it was, and a server that is started over and over must not fill the disk with copies.
        let _ = std::fs::remove_file(backup);
        return Err(sql_error(error));
    }
    Ok(Some(backup))
}

/// Copies the database beside itself as `<file>.backup-<seconds since 1970>`, readable by its owner alone. The copy
/// gets that name when it is whole and on disk.
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

/// An empty file for the owner alone: there are password hashes in it.
fn private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
