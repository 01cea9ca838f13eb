//! What the benchmark needs of the binary, which alone knows the adapters.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use chat_client::ServerUrl;
use chat_core::ids::UserId;
use chat_core::ports::{Clock, Store};

/// Functions over the adapters that the binary is made of.
#[derive(Clone, Copy)]
pub struct Adapters {
    /// Parses a server's address. With a PEM file, only the authorities in it are trusted.
    pub server: fn(url: &str, ca: Option<&Path>) -> Result<ServerUrl>,
    /// Opens the SQLite database of a server that is stopped.
    pub open: fn(database: &Path) -> Result<OfflineDatabase>,
    /// Makes a node's tables in the PostgreSQL database at this address. Blocks.
    pub make_tables: fn(url: String) -> Result<()>,
    /// The schema that these tables are in.
    pub schema: &'static str,
}

/// A SQLite database that no server runs on. Its events reach nobody.
pub struct OfflineDatabase {
    /// Writes into it.
    pub store: Arc<dyn Store>,
    /// The clock that the server goes by.
    pub clock: Arc<dyn Clock>,
    /// Issues a token for a user, signed with the key that is kept beside the database.
    pub issue_token: Box<dyn Fn(UserId) -> Result<String> + Send + Sync>,
    /// Writes out what is queued and closes the file. Blocks.
    pub close: Box<dyn FnOnce() + Send>,
}

impl OfflineDatabase {
    /// Closes it, so that a server can open it. Blocks.
    pub(crate) fn close(self) {
        let Self { store, close, .. } = self;
        // The lock on the file goes with the last handle to the store, which `close` drops.
        drop(store);
        close();
    }
}
