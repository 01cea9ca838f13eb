//! The SQLite store as the rest of the server sees it: through its ports, and through files that people bring.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod accounts;
mod conversations;
mod edits;
mod groups;
mod hidden;
mod history;
mod ledger;
mod legacy;
mod live_text;
mod log;
mod members;
mod messages;
mod open;
mod pointers;
mod posting;
mod random;
mod reactions;
mod receipts;
mod saved;
mod search;
mod stretches;
mod support;
mod sync;
mod threads;
