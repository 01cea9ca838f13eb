//! The PostgreSQL store as the rest of the server uses it, on a real PostgreSQL: one node alone, and two on
//! one database.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod cluster {
    chat_contract::cluster_tests!(&crate::support::PostgresStores);
}
mod contract {
    chat_contract::store_tests!(&crate::support::PostgresStores);
}
mod encryption;
mod feed;
mod home;
mod hosted;
mod index;
mod journal;
mod lineage;
mod long_absence;
mod old_nodes;
mod other_release;
mod plans;
mod ready;
mod support;
mod transfer;
mod unread;
