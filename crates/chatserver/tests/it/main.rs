//! Black-box tests: the real binary in a folder of its own, used as any client would. Nothing in here may know the
//! server's internals; docs/contract.md describes what is checked.
//!
//! Each test starts its own server on a port that the system chooses, so tests run in any order and at the same time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy knows tests by their attribute; here the helpers are tests too"
)]

mod accounts;
mod cluster;
mod crash;
mod durability;
mod groups;
mod limits;
mod login;
mod messages;
mod migrate;
mod operation;
mod proof;
mod requests;
mod rest;
mod stream;
mod support;
mod terminal;
mod tokens;
mod torture;
mod v2;
