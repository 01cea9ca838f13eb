//! What every store MUST do (the traits in `src/` say it, these tests hold stores to it). Each adapter's test binary
//! includes this file and gives, as `crate::support::House`, a store in a place of its own:
//!
//! - the fields `store` and `sink`, a [`house::Recorder`] of what the store publishes;
//! - `ENGINE`, what the store calls itself;
//! - `fresh()`, a new store that nobody else uses, and `fresh_with(sink)`, one that publishes elsewhere;
//! - `close()`, as a server does at its end; `reopen()` and `reopen_without_search()`, the same data after a restart;
//! - `rows()`, what is stored and no answer tells; `crowd()`, reactions that would take too long one by one.
//!
//! Nothing here knows an engine.

mod access;
mod accounts;
mod conversations;
mod edits;
mod groups;
mod hidden;
mod history;
pub mod house;
mod keys;
pub mod ledger;
mod live_text;
mod log;
mod logins;
mod members;
mod messages;
mod pointers;
pub mod posting;
pub mod random;
mod reactions;
mod receipts;
mod saved;
pub mod search;
mod stretches;
pub mod sync;
mod threads;
mod trace;
