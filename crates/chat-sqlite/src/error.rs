//! Why a database can't be used, in sentences for the operator. Every part of the adapter may use it; it uses none.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

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
    /// There is no file, but what belongs to one.
    #[error(
        "{0} is missing, and what belongs to it is there ({1}); put it back in its place, restore a backup, or move these away to start anew"
    )]
    Remains(PathBuf, String),
    /// The file has another name, where it would have another log.
    #[error(
        "{0} has another name too (a hard link), and what was written last is in a log beside the name that it was written under; keep that name, remove the other (find it with: find / -xdev -samefile {0}), and start again"
    )]
    ManyNames(PathBuf),
    /// The file was served by another name last, and its log is not here.
    #[error(
        "{0} was served under another name until its server was killed, and what was written last is in the log (-wal) beside that name; put the file back there, or bring all that lies beside it along, or do without with: chatserver restore {0} --database OTHER.db"
    )]
    LogElsewhere(PathBuf),
    /// The file holds something older than what its log goes on from.
    #[error(
        "{0} was overwritten with something else while it was served or since, and what is beside it belongs to what was there before; put a backup in its place with: chatserver restore BACKUP --force (what is there now is kept beside it)"
    )]
    Overwritten(PathBuf),
    /// The file is mounted without its folder.
    #[error(
        "{0} is mounted as a single file, so its log (-wal) with what was written last is not kept with it; mount the folder that it is in, never the file"
    )]
    MountedAlone(PathBuf),
    /// The file belongs to another program.
    #[error(
        "{0} is a database of another program; it was left as it is: choose another file with --database"
    )]
    Foreign(PathBuf),
    /// The file is a backup.
    #[error("{0} is a backup and not to be served as it is; put it in place with: chatserver restore {0}")]
    IsBackup(PathBuf),
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
    /// There is nothing to be read.
    #[error("there is no database at {0}; say where it is with --database")]
    Missing(PathBuf),
    /// A server has the file open that another release has made.
    #[error(
        "{0} is of an earlier release and in use; stop its server and run this again, which brings the file up to date"
    )]
    Outdated(PathBuf),
    /// The system gave no thread.
    #[error("a thread could not be started ({0})")]
    Thread(std::io::Error),
}

impl OpenError {
    /// The sentence for an error of SQLite's at start.
    pub(crate) fn of(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure,
            ) => Self::Unwritable { path, source: std::io::Error::other(error) },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse(path),
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::Damaged(path, error.to_string())
            }
            _ => Self::Migration { path, reason: error.to_string() },
        }
    }
}
