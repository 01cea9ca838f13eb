//! How messages and events are written down as JSON: for the columns of stores, for the journal, for other nodes. And what
//! the columns of both stores hold.
//! Nothing but the core's types and their spelling may stand here; where bytes are kept or sent is for adapters, and
//! what clients read is `chat-protocol`'s.
//!
//! Nodes of two releases work side by side while a cluster is upgraded, so both read what the other wrote: fields that
//! are not known are ignored, those that are not there take a default, and a release never gives an old name a new
//! meaning. Only what a thing is known by, its ids and places, must be there.

mod attached;
pub mod event;
pub mod extra;
mod fields;
pub mod row;
pub mod signal;

/// What was to be decoded was written by no release of this server, or is damaged.
#[derive(Debug, thiserror::Error)]
#[error("invalid data from a node of this cluster: {0}")]
pub struct Malformed(#[from] serde_json::Error);
