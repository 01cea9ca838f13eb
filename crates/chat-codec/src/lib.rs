//! The JSON encoding of messages and events: for columns of stores, for the journal, for other nodes. Also the contents
//! of the columns that both stores have. Only conversions of the core's types belong here; storing and sending bytes is
//! up to adapters, and the format for clients is in `chat-protocol`.
//! During an upgrade of a cluster, nodes of two releases run side by side, so each has to read what the other wrote:
//! unknown fields are ignored, missing ones take a default, and a release never gives an old name a new meaning. Only
//! the identity of an object, its ids and positions, is required.

pub mod event;
pub mod extra;
mod fields;
mod media;
pub mod row;
pub mod signal;

/// The data was not written by any release of this server, or is damaged.
#[derive(Debug, thiserror::Error)]
#[error("invalid data from a node of this cluster: {0}")]
pub struct Malformed(#[from] serde_json::Error);
