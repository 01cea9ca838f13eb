//! How what fails without a request that could be told is logged.

use chat_core::Error;

/// Logs what failed. While storage fails or has too much to do, its own line says so: one for each stream or round would
/// fill the log.
pub(crate) fn note(error: &Error, what: &'static str) {
    match error {
        Error::Unavailable(_) | Error::Obstructed(_) | Error::Overloaded => tracing::debug!(?error, "{what}"),
        _ => tracing::warn!(?error, "{what}"),
    }
}
