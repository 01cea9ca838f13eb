//! Why a database can't be used, in sentences for the operator. Every part of the adapter may use it; it uses none.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why a database can't be used. Each variant reads as a sentence for the person who started the server.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server has the file open.
    #[error(
        "{0} is in use by another ChatServer; stop that one, or give this one its own file with --database"
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
        "{0} is damaged or not an SQLite database ({1}) and was not changed: restore a backup, or move it away to start empty"
    )]
    Damaged(PathBuf, String),
    /// There is no file, but what belongs to one.
    #[error(
        "{0} is missing, but its companion files exist ({1}); put it back, restore a backup, or move these away to start empty"
    )]
    Remains(PathBuf, String),
    /// The file has another name, where it would have another log.
    #[error(
        "{0} has a second name (a hard link), and the latest writes are in the log beside the name that was used for them; keep that name, remove the other (find it with: find / -xdev -samefile {0}), and start again"
    )]
    ManyNames(PathBuf),
    /// The file was served by another name last, and its log is not here.
    #[error(
        "{0} was served under another name until its server was killed, and the latest writes are in the log (-wal) beside that name; put the file back there, or move all files beside it along, or give up those writes with: chatserver restore {0} --database OTHER.db"
    )]
    LogElsewhere(PathBuf),
    /// The file holds something older than what its log goes on from.
    #[error(
        "{0} was overwritten with other content while it was served or since, and the files beside it belong to the former content; put a backup in place with: chatserver restore BACKUP --force (the present file is kept beside it)"
    )]
    Overwritten(PathBuf),
    /// The file is mounted without its folder.
    #[error(
        "{0} is mounted as a single file, so its log (-wal) with the latest writes is not kept with it; mount its directory, never the file"
    )]
    MountedAlone(PathBuf),
    /// The file belongs to another program.
    #[error("{0} is a database of another program and was not changed: choose another file with --database")]
    Foreign(PathBuf),
    /// The file is a backup.
    #[error("{0} is a backup and cannot be served directly; put it in place with: chatserver restore {0}")]
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
    #[error("{path} could not be migrated ({reason}) and was not changed")]
    Migration {
        /// The database.
        path: PathBuf,
        /// What was in the way.
        reason: String,
    },
    /// There is nothing to be read.
    #[error("there is no database at {0}; set its path with --database")]
    Missing(PathBuf),
    /// A server has the file open that another release has made.
    #[error(
        "{0} belongs to an earlier release and is in use; stop its server and run this again, which migrates the file"
    )]
    Outdated(PathBuf),
    /// A file that another release has made is not brought up to date by what only looks at it.
    #[error("{0} is of an earlier release; start a server of this release on it first")]
    Older(PathBuf),
    /// The system gave no thread.
    #[error("cannot start a thread ({0})")]
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
