//! What can go wrong inside this adapter, and how it looks from the core.

use chat_core::Error;
use chat_core::error::Obstacle;
use tokio_postgres::error::{DbError, SqlState};

pub(crate) type Result<T> = std::result::Result<T, Fault>;

/// What to do about a pooler.
const POOLED: &str =
    "the pooler between this node and PostgreSQL must use session pooling (pool_mode = session)";

/// A refusal of the core's making, an error of the driver's, or a database that does not answer.
#[derive(Debug)]
pub(crate) enum Fault {
    Refused(Error),
    Sql(tokio_postgres::Error),
    /// The connection is of no use any more; the reason is for the log.
    Broken(String),
    /// The database takes nothing at present, and it is known why; the reason is for the log.
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
                None if is_passing(&error) => Self::Unavailable(explained(&error).into()),
                None => Self::internal(explained(&error)),
            },
        }
    }
}

impl Fault {
    /// Why, for whoever reads the log.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Sql(error) => explained(error),
            Self::Broken(reason) | Self::Obstructed(_, reason) => reason.clone(),
            Self::Refused(error) => {
                std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
            }
        }
    }

    /// Whether the database does not let us do it.
    pub(crate) fn wants_rights(&self) -> bool {
        matches!(self, Self::Sql(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE))
    }

    /// Whether it is the database, rather than this one statement or request, that is at fault.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Refused(_) => false,
            Self::Broken(_) | Self::Obstructed(..) => true,
            Self::Sql(error) => is_passing(error),
        }
    }

    /// The same once more: a batch fails as a whole, and each who waited for it is told why.
    pub(crate) fn again(&self) -> Self {
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

/// The driver's error with its cause, which it leaves out of its own text. What the server says needs no introduction.
pub(crate) fn explained(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(said), _) if is_of_a_pooler(error) => format!("{}; {POOLED}", in_a_line(said)),
        (Some(said), _) => in_a_line(said),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

/// The server's detail and hint stand in lines of their own.
fn in_a_line(said: &DbError) -> String {
    said.to_string().replace('\n', "; ")
}

/// Whether it comes of a pooler that has given our session away: what was prepared in it is not there, or what another has
/// prepared is, or transactions are not allowed at all.
pub(crate) fn is_of_a_pooler(error: &tokio_postgres::Error) -> bool {
    let Some(said) = error.as_db_error() else { return false };
    [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::DUPLICATE_PSTATEMENT].contains(said.code())
        || (*said.code() == SqlState::PROTOCOL_VIOLATION && said.message().contains("statement pooling"))
}

/// These end when somebody starts the server again, frees its disk, lets go of a lock or has brought back all of a dump.
fn is_passing(error: &tokio_postgres::Error) -> bool {
    let Some(state) = error.code() else {
        // Without a code it did not come from the server: the connection is gone, or a value could not be converted.
        return error.is_closed()
            || std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>());
    };
    // By class: connections, resources, the operator, the system; a read-only standby; tables that `pg_restore --clean`
    // has yet to make; a lock that is held; a deadlock; a pooler that has to be set otherwise.
    is_of_a_pooler(error)
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

/// What stands in the way, where the database says so.
fn obstacle(error: &tokio_postgres::Error) -> Option<Obstacle> {
    match error.code()? {
        state if *state == SqlState::DISK_FULL => Some(Obstacle::Full),
        state if *state == SqlState::READ_ONLY_SQL_TRANSACTION => Some(Obstacle::ReadOnly),
        _ => None,
    }
}
