//! The PostgreSQL adapter: all durable data in one database, which many nodes may share.
//!
//! All SQL is here and nowhere else. Rules are not: the core's are called inside the writing transaction.
//! `writer.rs` is the message log's engine, `journal.rs` gives nodes each other's commits, `reader.rs` is the
//! pool of readers, `open.rs` prepares a database before it is served, and `transfer.rs` moves another store
//! in. The statements of each feature are in the file of the feature's name, as in the SQLite adapter.

mod access;
mod accounts;
mod clock;
mod connect;
mod conversations;
mod dates;
mod db;
mod edits;
mod encryption;
mod endpoint;
mod error;
mod fault;
mod feed;
mod fitness;
mod groups;
mod home;
mod hosts;
mod in_place;
mod journal;
mod lineage;
mod live_text;
mod load;
mod membership;
mod messages;
mod names;
mod open;
mod origin;
mod pooler;
mod posting;
mod probe;
mod race;
mod reactions;
mod reader;
mod receipts;
mod saved;
mod schema;
mod search;
mod successor;
mod sync;
mod tickets;
mod trace;
mod transfer;
mod tx;
mod writer;

use async_trait::async_trait;
use chat_core::Result;
use chat_core::clocks::Reading;
use chat_core::ports::Store;
use chat_store::Metrics;
use prometheus_client::registry::Registry;

pub use error::OpenError;
pub use feed::FeedAdmin;
pub use home::{USUAL_SCHEMA, schema_of};
pub use journal::PostgresJournal;
pub use names::usernames;
pub use open::{Options, Prepared, describe};
use reader::Readers;
pub use transfer::Import;
use writer::Writer;

/// A [`Store`] in a PostgreSQL database. [`Postgres::close`] writes the queued jobs.
pub struct Postgres {
    writer: Writer,
    readers: Readers,
    /// `None` if searching is switched off.
    search: Option<search::Index>,
    metrics: Metrics,
}

impl Postgres {
    /// Registers the store's metrics.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.metrics.register(registry, self.readers.n_threads());
    }

    /// Writes the queued jobs and closes the connections. Blocks until done. Later calls on the store return
    /// `Unavailable`.
    pub fn close(&self) {
        if let Some(index) = &self.search {
            index.close();
        }
        self.readers.close();
        self.writer.close();
    }
}

#[async_trait]
impl Store for Postgres {
    async fn probe_write(&self) -> Result<()> {
        let (written, room) = tokio::join!(self.writer.probe(probe::write), probe::space(&self.readers));
        written.and(room)
    }

    async fn clock(&self) -> Result<Option<Reading>> {
        clock::read(&self.readers).await.map(Some)
    }

    fn engine_name(&self) -> &'static str {
        "postgres"
    }
}
