//! Logs failures that happen outside any request.

use chat_core::Error;

/// Logs a failure. While storage fails or is overloaded, it logs that itself; a line for each stream or round would
/// fill the log, so those are logged at debug level.
pub(crate) fn note(error: &Error, what: &'static str) {
    match error {
        Error::Unavailable(_) | Error::Obstructed(_) | Error::Overloaded => tracing::debug!(?error, "{what}"),
        _ => tracing::warn!(?error, "{what}"),
    }
}
