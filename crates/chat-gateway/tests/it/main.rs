//! The gateway as clients of several nodes see it: nodes in one process over one store, each of whose hubs hears of
//! commits when the test says so.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod late;
mod nodes;
mod one_worker;
mod support;
