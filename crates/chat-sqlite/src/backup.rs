//! A copy of the database while it is served: one moment of it, in one file, checked, with the key that signs tokens.
//!
//! The file is a SQLite database with one more table, and with a mark that makes servers refuse it. A server that
//! served it unchanged would continue the log of the original, and give out positions that clients have already seen.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tempfile::NamedTempFile;

use crate::error::OpenError;
use crate::location::check_names;
use crate::lock;
use crate::open::{check_file, followed, sync_folder};
use crate::schema;

/// How long to wait for a lock: a server locks its database only for moments.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// Number of findings of SQLite's check that an error reports.
const FINDINGS: usize = 3;

/// The contents of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    pub users: u64,
    pub messages: u64,
    /// The key that signs tokens, if there is one beside the database.
    pub key: Option<String>,
}

/// Why a backup could not be made or restored. Each variant reads as a sentence.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The database belongs to the earlier Go server.
    #[error(
        "{0} belongs to the earlier Go server; start this server on it once, which migrates it and keeps a copy"
    )]
    Legacy(PathBuf),
    /// The copy is damaged, and so is the database.
    #[error(
        "the copy of {0} fails SQLite's integrity check ({1}), so the database is damaged; no backup was made"
    )]
    Unsound(PathBuf, String),
    /// A statement failed.
    #[error("cannot copy {0} ({1}); no backup was made")]
    Sql(PathBuf, rusqlite::Error),
    /// A file cannot be written.
    #[error("cannot write {0} ({1})")]
    Unwritable(PathBuf, std::io::Error),
    /// The target file exists already.
    #[error("{0} already exists; choose another name, move it away, or use --force to replace it")]
    Exists(PathBuf),
    /// The file to restore is damaged, or not a backup.
    #[error("cannot restore {0}: {1}; nothing was changed")]
    Unusable(PathBuf, String),
}

/// A backup that has no name yet. Dropping it removes it.
#[derive(Debug)]
pub struct Backup {
    draft: NamedTempFile,
    pub contents: Contents,
}

impl Backup {
    /// Copies the database into a file in `folder`. A server may write to the database meanwhile; the copy does not
    /// contain what it writes from now on. Free pages are not copied, so deleted data is not in the copy.
    ///
    /// # Errors
    /// If the file is not a database of ours, is damaged, or the folder cannot be written.
    pub fn make(database: &Path, folder: &Path, key: Option<&str>) -> Result<Self, BackupError> {
        let path = followed(database);
        if !check_file(&path)? {
            return Err(OpenError::Missing(path).into());
        }
        check_names(&path)?;
        if lock::is_overwritten(&path) {
            return Err(OpenError::Overwritten(path).into());
        }
        let source = open(&path)?;
        let draft = draft(folder, &path)?;
        let sql = |error| BackupError::Sql(path.clone(), error);
        // The copy is made in one read transaction, which blocks no writer: new writes only let the log grow
        // meanwhile.
        source.execute("VACUUM INTO ?1", [draft.path().to_string_lossy()]).map_err(sql)?;
        let copy = Connection::open(draft.path()).map_err(sql)?;
        without_journal(&copy).map_err(sql)?;
        schema::make_backup(&copy, key).map_err(sql)?;
        if let Some(reason) = integrity_findings(&copy).map_err(sql)? {
            return Err(BackupError::Unsound(path, reason));
        }
        let contents = contents(&copy, key.map(str::to_owned)).map_err(sql)?;
        copy.close().map_err(|(_, error)| sql(error))?;
        draft.as_file().sync_all().map_err(|error| BackupError::Unwritable(draft.path().into(), error))?;
        Ok(Self { draft, contents })
    }

    /// Gives the backup its name. It replaces an existing file only if that is allowed.
    ///
    /// # Errors
    /// If the file exists and must not be replaced, or if it cannot be written.
    pub fn keep(self, path: &Path, may_replace: bool) -> Result<(), BackupError> {
        keep(self.draft, path, may_replace)
    }

    /// Writes the backup to a stream.
    ///
    /// # Errors
    /// If the stream fails.
    pub fn write_to(&self, out: &mut impl Write) -> std::io::Result<()> {
        std::io::copy(&mut self.draft.reopen()?, out)?;
        out.flush()
    }
}

/// Creates a file that only its owner can read and that is removed unless it is kept.
pub(crate) fn draft(folder: &Path, like: &Path) -> Result<NamedTempFile, BackupError> {
    let name = like.file_name().unwrap_or_default().to_string_lossy();
    let made = tempfile::Builder::new().prefix(&format!(".{name}.unfinished-")).tempfile_in(folder);
    made.map_err(|error| BackupError::Unwritable(folder.into(), error))
}

pub(crate) fn keep(draft: NamedTempFile, path: &Path, may_replace: bool) -> Result<(), BackupError> {
    let kept = if may_replace { draft.persist(path) } else { draft.persist_noclobber(path) };
    match kept {
        Ok(_) => {
            sync_folder(path);
            Ok(())
        }
        Err(failed) if failed.error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(BackupError::Exists(path.into()))
        }
        Err(failed) => Err(BackupError::Unwritable(path.into(), failed.error)),
    }
}

fn open(path: &Path) -> Result<Connection, BackupError> {
    let sql = |error| BackupError::Database(OpenError::of(path, error));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sql)?;
    connection.busy_timeout(LOCK_WAIT).map_err(sql)?;
    let path = path.to_owned();
    match schema::recognise(&connection).map_err(sql)? {
        schema::Found::Current | schema::Found::Older(_) => Ok(connection),
        schema::Found::Legacy => Err(BackupError::Legacy(path)),
        schema::Found::Backup => Err(OpenError::IsBackup(path).into()),
        schema::Found::Foreign => Err(OpenError::Foreign(path).into()),
        schema::Found::Newer(found) => Err(OpenError::Newer { path, found, known: schema::VERSION }.into()),
    }
}

/// Turns off the rollback journal: a draft needs no rollback, and no file may be left beside it.
pub(crate) fn without_journal(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "MEMORY")?;
    connection.pragma_update(None, "synchronous", "OFF")
}

/// First findings of SQLite's integrity check, indexes included, or `None` if the database is sound.
pub(crate) fn integrity_findings(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({FINDINGS})"))?;
    let findings = statement.query_map((), |row| row.get::<_, String>(0))?;
    let findings = findings.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok((findings != ["ok"]).then(|| findings.join("; ").replace('\n', " ")))
}

pub(crate) fn contents(connection: &Connection, key: Option<String>) -> rusqlite::Result<Contents> {
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        connection.query_row(&sql, (), |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
    };
    Ok(Contents { users: count("users")?, messages: count("messages")?, key })
}
