//! Errors inside this adapter, and how they become errors of the core.

use chat_core::Error;
use chat_core::error::Obstacle;
use rusqlite::ErrorCode;

pub(crate) type Result<T> = std::result::Result<T, Fault>;

/// A refusal by the core, or an error of the driver.
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

/// Error for a value that cannot be converted to a column.
pub(crate) fn unwritable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}

/// Whether the storage is at fault, and not the statement. Such an error ends when somebody frees the disk or releases
/// a lock.
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

/// The obstacle, if SQLite's error tells it.
pub(crate) fn obstacle(error: &rusqlite::Error) -> Option<Obstacle> {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Some(Obstacle::Full),
        Some(ErrorCode::ReadOnly) => Some(Obstacle::ReadOnly),
        _ => None,
    }
}

/// The error for a request that the storage cannot take at present.
pub(crate) fn refusal(
    obstacle: Option<Obstacle>,
    reason: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    obstacle.map_or_else(|| Error::Unavailable(reason.into()), Error::Obstructed)
}
