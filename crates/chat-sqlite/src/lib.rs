//! The SQLite adapter: everything durable is in one file, which one thread writes with group commit and a few threads
//! read.
//!
//! SQLite's SQL lives here and in no other crate. Rules do not live here: the statements call the core's functions
//! inside the writing transaction. `writer.rs` is the engine of the message log, `reader.rs` the pool of readers,
//! `open.rs` what happens to a file before it is served, `legacy.rs` the migration of the earlier Go server's files,
//! `transfer.rs` the export to another store, `backup.rs` and `restore.rs` the copies, and the statements of each
//! feature are in the file of the feature's name.

mod access;
mod accounts;
mod announced;
mod backup;
mod checkpoint;
mod conversations;
mod dates;
mod edits;
mod error;
mod fault;
mod feed;
mod groups;
mod in_place;
mod legacy;
mod live_text;
mod load;
mod location;
mod lock;
mod membership;
mod messages;
mod names;
mod open;
mod overwritten;
mod posting;
mod probe;
mod reactions;
mod reader;
mod receipts;
mod restore;
mod saved;
mod schema;
mod search;
mod served;
mod shm;
mod sync;
mod trace;
mod transfer;
mod writer;

use async_trait::async_trait;
use chat_core::Result;
use chat_core::ports::Store;
use prometheus_client::registry::Registry;

pub use backup::{Backup, BackupError, Contents};
pub use error::OpenError;
pub use feed::FeedAdmin;
pub use names::usernames;
pub use open::{Opened, Options, Prepared, followed};
use reader::Readers;
pub use restore::{From, Restore};
pub use transfer::Export;
use writer::Writer;

/// A [`Store`] in one SQLite file, with a search index beside it. Dropping it, or [`Sqlite::close`], writes out what
/// is queued and closes the file.
pub struct Sqlite {
    writer: Writer,
    readers: Readers,
    search: Option<search::Index>,
    metrics: chat_store::Metrics,
    /// Held as long as the file is served, so that a second server refuses it.
    _lock: lock::Lock,
}

impl Sqlite {
    /// Registers the metrics of this store.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.metrics.register(registry, self.readers.n_threads());
    }

    /// Writes out what is queued, moves the write-ahead log into the database and closes the file.
    /// Blocks until done; later calls on the store answer `Unavailable`.
    pub fn close(&self) {
        self.readers.close();
        // Before the writer, which moves the write-ahead log into the file only if nothing else has it open.
        if let Some(search) = &self.search {
            search.close();
        }
        self.writer.close();
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.close();
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn probe_write(&self) -> Result<()> {
        self.writer.probe().await
    }

    fn engine_name(&self) -> &'static str {
        "sqlite3"
    }
}
