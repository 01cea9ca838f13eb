//! The SQLite store as the rest of the server sees it: through its ports, and through files that people bring.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod accounts;
mod groups;
mod history;
mod legacy;
mod log;
mod messages;
mod open;
mod receipts;
mod search;
mod support;
