//! Why there is no slot for a connection. A module of its own without imports, because metrics count the refusals too.

/// The limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// The user's connections.
    User,
    /// The server's connections.
    Server,
}
