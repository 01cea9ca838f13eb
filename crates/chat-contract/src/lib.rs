//! Tests of what every store MUST do: the traits in `chat-core` say it, and these tests check it. The test binary of
//! an adapter implements [`Stores`] and [`Backend`], and calls [`store_tests!`] where the tests are to be, and
//! [`cluster_tests!`] if several servers can share the store. Nothing here knows a particular engine.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod accounts;
mod cluster;
mod conversations;
mod dates;
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
mod ranges;
mod reactions;
mod receipts;
mod rows;
mod samples;
mod saved;
mod search;
mod sync;
mod test_store;
mod threads;
mod trace;
mod unread;

pub use feed::{add_reader, assert_entries, must_reload, read_rest, reader_name};
pub use list::tests;
pub use posting::rich;
pub use rows::{ChangeRow, ConversationRow, MessageRow, Rows};
pub use samples::{ALL, NOW, account, code, command, contents, ids, keyed, message, newest, seqs, under};
pub use search::{settle, texts, wait_for};
pub use test_store::{Backend, Recorder, SharedBackend, Stores, TestStore};
