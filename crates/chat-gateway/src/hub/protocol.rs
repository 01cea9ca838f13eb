//! Which stream a client speaks. A leaf: what counts and what encodes need it as well as the hub.

/// The two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// The stream of the earlier Go server, whose clients confirm messages by answering pings.
    V1,
    /// The stream of docs/stream.md, with cursors.
    V2,
}
