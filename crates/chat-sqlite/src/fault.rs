//! What can go wrong inside this adapter, and how it looks from the core.

use chat_core::Error;
use chat_core::error::Obstacle;
use rusqlite::ErrorCode;

pub(crate) type Result<T> = std::result::Result<T, Fault>;

/// A refusal of the core's making, or an error of the driver's.
#[derive(Debug)]
pub(crate) enum Fault {
    Refused(Error),
    Sql(rusqlite::Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(error) => error,
            Fault::Sql(error) if is_passing(&error) => refusal(obstacle(&error), error),
            Fault::Sql(error) => Self::internal(error),
        }
    }
}

/// What SQLite is told of a value that could not be made into a column.
pub(crate) fn unwritable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}

/// Whether the storage below, rather than our statement, is at fault: these end when somebody frees the disk or lets
/// go of a lock.
pub(crate) fn is_passing(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
        )
    )
}

/// What stands in the way, where SQLite's error says so.
pub(crate) fn obstacle(error: &rusqlite::Error) -> Option<Obstacle> {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Some(Obstacle::Full),
        Some(ErrorCode::ReadOnly) => Some(Obstacle::ReadOnly),
        _ => None,
    }
}

/// What is answered by a storage that takes nothing at present.
pub(crate) fn refusal(
    obstacle: Option<Obstacle>,
    reason: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    obstacle.map_or_else(|| Error::Unavailable(reason.into()), Error::Obstructed)
}
