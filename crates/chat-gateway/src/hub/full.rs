//! Why there is no slot for a connection. A leaf: the refusals are counted as well as given.

/// Whose slots are all taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// The user has as many connections as one user may have.
    User,
    /// The server has as many connections as it may have.
    Server,
}
