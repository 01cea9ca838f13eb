//! The gateway as clients of several nodes see it: nodes in one process over one store. The tests decide when each hub
//! gets the commits.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod late;
mod nodes;
mod one_worker;
mod support;
