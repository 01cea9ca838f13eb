//! The SQLite store as the rest of the server sees it: through its ports, and through files that people bring.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod contract {
    chat_contract::store_tests!(&crate::support::SqliteStores);
}
mod forgotten;
mod index;
mod legacy;
mod open;
mod other_release;
mod ready;
mod support;
mod transfer;
mod upgrade;
