//! Why a database cannot be used, in sentences for the operator. All parts of the adapter use this module; it uses
//! none.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why a database cannot be used. Each variant reads as a sentence for the person who started the server.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server has the file open.
    #[error(
        "{0} is in use by another ChatServer; stop that one, or give this one its own file with --database"
    )]
    InUse(PathBuf),
    /// The file or its folder cannot be written.
    #[error(
        "{path} cannot be opened for writing ({error}); check the folder's permissions, or choose another place with --database"
    )]
    Unwritable {
        /// The database, or its lock file.
        path: PathBuf,
        /// The system's error. Not the error's `source`: its text is part of the sentence.
        error: std::io::Error,
    },
    /// The file is damaged, or not a SQLite database.
    #[error(
        "{0} is damaged or not an SQLite database ({1}) and was not changed: restore a backup, or move it away to start empty"
    )]
    Damaged(PathBuf, String),
    /// The database is missing, and files that belong to it are there.
    #[error(
        "{0} is missing, but its companion files exist ({1}); put it back, restore a backup, or move these away to start empty"
    )]
    Remains(PathBuf, String),
    /// The file has a second name, under which it would have another write-ahead log.
    #[error(
        "{0} has a second name (a hard link), and the latest writes are in the log beside the name that was used for them; keep that name, remove the other (find it with: find / -xdev -samefile {0}), and start again"
    )]
    ManyNames(PathBuf),
    /// The file was last served under another name, and its write-ahead log is not here.
    #[error(
        "{0} was served under another name until its server was killed, and the latest writes are in the log (-wal) beside that name; put the file back there, or move all files beside it along, or give up those writes with: chatserver restore {0} --database OTHER.db"
    )]
    LogElsewhere(PathBuf),
    /// The file is older than the data that its write-ahead log builds on.
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
        /// Schema version of the file.
        found: i64,
        /// Newest schema version that this release knows.
        known: i64,
    },
    /// The earlier Go server's data could not be migrated.
    #[error("{path} could not be migrated ({reason}) and was not changed")]
    Migration {
        /// The database.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
    /// There is no file to read.
    #[error("there is no database at {0}; set its path with --database")]
    Missing(PathBuf),
    /// A server of another release has the file open.
    #[error(
        "{0} belongs to an earlier release and is in use; stop its server and run this again, which migrates the file"
    )]
    Outdated(PathBuf),
    /// An earlier release wrote the file, and a command that only reads does not migrate it.
    #[error("{0} is of an earlier release; start a server of this release on it first")]
    Older(PathBuf),
    /// The system could not start a thread.
    #[error("cannot start a thread ({0})")]
    Thread(std::io::Error),
}

impl OpenError {
    /// The error for a SQLite error at start.
    pub(crate) fn of(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure,
            ) => Self::Unwritable { path, error: std::io::Error::other(error) },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse(path),
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::Damaged(path, error.to_string())
            }
            _ => Self::Migration { path, reason: error.to_string() },
        }
    }
}
