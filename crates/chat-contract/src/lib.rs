//! What every store MUST do: the traits in `chat-core` say it, these tests hold stores to it. An adapter's test binary
//! implements [`Stores`] and [`Backend`], and calls [`store_tests!`] where the tests are to be, and [`cluster_tests!`] if
//! several servers may share the store. Nothing here knows an engine.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod accounts;
mod cluster;
mod conversations;
mod edits;
mod feed;
mod groups;
mod hidden;
mod history;
mod journal;
mod keys;
mod list;
mod live_text;
mod log;
mod logins;
mod members;
mod messages;
mod nodes;
mod pointers;
mod posting;
mod random;
mod reactions;
mod receipts;
mod rows;
mod samples;
mod saved;
mod search;
mod stretches;
mod sync;
mod test_store;
mod threads;
mod trace;

pub use feed::{add_reader, assert_entries, must_reload, read_rest, reader_name};
pub use list::tests;
pub use posting::rich;
pub use rows::{ChangeRow, ConversationRow, MessageRow, Rows};
pub use samples::{ALL, NOW, account, code, command, contents, ids, keyed, message, seqs, under};
pub use search::{settle, texts, wait_for};
pub use test_store::{Backend, Recorder, SharedBackend, Stores, TestStore};
