//! What can go wrong inside this adapter, and how it looks from the core.

use chat_core::Error;
use tokio_postgres::error::SqlState;

pub(crate) type Result<T> = std::result::Result<T, Fault>;

/// Why a closed store is unavailable.
pub(crate) const CLOSED: &str = "the store is closed";

/// A refusal of the core's making, an error of the driver's, or a database that does not answer.
#[derive(Debug)]
pub(crate) enum Fault {
    Refused(Error),
    Sql(tokio_postgres::Error),
    /// The connection is of no use any more; the reason is for the log.
    Broken(String),
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
            Fault::Sql(error) if is_passing(&error) => Self::Unavailable(explained(&error).into()),
            Fault::Sql(error) => Self::internal(explained(&error)),
        }
    }
}

impl Fault {
    /// Whether it is the database, rather than this one statement or request, that is at fault.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Refused(_) => false,
            Self::Broken(_) => true,
            Self::Sql(error) => is_passing(error),
        }
    }
}

/// The driver's error with its cause, which it leaves out of its own text.
pub(crate) fn explained(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// These end when somebody starts the server again, frees its disk or lets go of a lock.
fn is_passing(error: &tokio_postgres::Error) -> bool {
    let Some(state) = error.code() else {
        // Without a code it did not come from the server: the connection is gone, or a value could not be converted.
        return error.is_closed()
            || std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>());
    };
    // By class: connections, resources, the operator, the system; a read-only standby; a lock that is held; a deadlock.
    ["08", "53", "57", "58"].iter().any(|class| state.code().starts_with(class))
        || [
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ]
        .contains(state)
}
