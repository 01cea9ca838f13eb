//! Errors inside this adapter, and their translation for the core.

use chat_core::Error;
use chat_core::error::Obstacle;
use tokio_postgres::error::{DbError, SqlState};

pub(crate) type Result<T> = std::result::Result<T, Fault>;

/// Advice about a pooler that is configured wrongly.
const POOLED: &str =
    "the pooler between this node and PostgreSQL must use session pooling (pool_mode = session)";

/// A refusal by the core, an error of the driver, or a database that does not answer.
#[derive(Debug)]
pub(crate) enum Fault {
    Refused(Error),
    Sql(tokio_postgres::Error),
    /// The connection cannot be used any more; the reason is for the log.
    Broken(String),
    /// The database refuses writes at present for a known cause; the reason is for the log.
    Obstructed(Obstacle, String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(error) => error,
            Fault::Broken(reason) => Self::Unavailable(reason.into()),
            Fault::Obstructed(obstacle, _) => Self::Obstructed(obstacle),
            Fault::Sql(error) => match obstacle(&error) {
                Some(obstacle) => Self::Obstructed(obstacle),
                None if is_temporary(&error) => Self::Unavailable(explained(&error).into()),
                None => Self::internal(explained(&error)),
            },
        }
    }
}

impl Fault {
    /// Returns the reason, as text for the log.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Sql(error) => explained(error),
            Self::Broken(reason) | Self::Obstructed(_, reason) => reason.clone(),
            Self::Refused(error) => {
                std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
            }
        }
    }

    /// Returns whether the role lacks the permission.
    pub(crate) fn lacks_rights(&self) -> bool {
        matches!(self, Self::Sql(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE))
    }

    /// Returns whether the database is at fault, rather than this one statement or request.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Refused(_) => false,
            Self::Broken(_) | Self::Obstructed(..) => true,
            Self::Sql(error) => is_temporary(error),
        }
    }

    /// Returns a copy: a batch fails as a whole, and each of its callers gets the reason.
    pub(crate) fn duplicate(&self) -> Self {
        let reason = self.reason();
        let obstacle = match self {
            Self::Obstructed(obstacle, _) => Some(*obstacle),
            Self::Sql(error) => obstacle(error),
            Self::Broken(_) | Self::Refused(_) => None,
        };
        match obstacle {
            Some(obstacle) => Self::Obstructed(obstacle, reason),
            None => Self::Broken(reason),
        }
    }
}

/// Returns the driver's error with its cause, which the driver leaves out of its own text. The server's
/// errors need no introduction.
pub(crate) fn explained(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(db_error), _) if is_pooler_error(error) => format!("{}; {POOLED}", on_one_line(db_error)),
        (Some(db_error), _) => on_one_line(db_error),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

/// Joins the lines of the server's error: detail and hint are on lines of their own.
fn on_one_line(db_error: &DbError) -> String {
    db_error.to_string().replace('\n', "; ")
}

/// Returns whether the error comes from a pooler that has given this session to another client: statements
/// prepared in it are missing, statements prepared by another client exist, or transactions are not allowed
/// at all.
pub(crate) fn is_pooler_error(error: &tokio_postgres::Error) -> bool {
    let Some(db_error) = error.as_db_error() else { return false };
    [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::DUPLICATE_PSTATEMENT].contains(db_error.code())
        || (*db_error.code() == SqlState::PROTOCOL_VIOLATION
            && db_error.message().contains("statement pooling"))
}

/// Returns whether the same statement can succeed later: when somebody has restarted the server, freed its
/// disk, released a lock or restored all of a dump.
fn is_temporary(error: &tokio_postgres::Error) -> bool {
    let Some(state) = error.code() else {
        // Without a code, the error did not come from the server: the connection is gone, or a value could
        // not be converted.
        return error.is_closed()
            || std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>());
    };
    // By class: connections, resources, the operator, the system. Then: a read-only standby; tables that
    // `pg_restore --clean` has yet to create; a lock that is held; a deadlock; a pooler that must be
    // reconfigured.
    is_pooler_error(error)
        || ["08", "53", "57", "58"].iter().any(|class| state.code().starts_with(class))
        || [
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::UNDEFINED_TABLE,
            SqlState::INVALID_SCHEMA_NAME,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ]
        .contains(state)
}

/// Returns the cause for which the database refuses writes, if the error names one.
fn obstacle(error: &tokio_postgres::Error) -> Option<Obstacle> {
    match error.code()? {
        state if *state == SqlState::DISK_FULL => Some(Obstacle::Full),
        state if *state == SqlState::READ_ONLY_SQL_TRANSACTION => Some(Obstacle::ReadOnly),
        _ => None,
    }
}
