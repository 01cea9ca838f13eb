//! The stream that a client speaks. A module of its own without imports, because metrics and encoding need it as well
//! as the hub.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// The stream of the earlier Go server, whose clients confirm messages by answering pings.
    V1,
    /// The stream of docs/stream.md, with cursors.
    V2,
}
