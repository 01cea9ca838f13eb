//! Tests of the SQLite store from outside: through its ports, and with files that users bring.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod contract {
    chat_contract::store_tests!(&crate::support::SqliteStores);
}
mod forgotten;
mod index;
mod legacy;
mod open;
mod other_release;
mod pages;
mod ready;
mod support;
mod transfer;
mod upgrade;
