//! How messages and events are written down as JSON: for the columns of stores, for the journal, for other nodes.
//! Nothing but the core's types and their spelling may stand here; where bytes are kept or sent is for adapters, and
//! what clients read is `chat-protocol`'s.

pub mod extra;
pub mod event;
