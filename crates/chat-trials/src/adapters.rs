//! Functions that the benchmark needs from the binary, which is the only crate that knows the adapters.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use chat_client::ServerUrl;
use chat_core::ids::UserId;
use chat_core::ports::{Clock, Store};

/// Functions over the binary's adapters.
#[derive(Clone, Copy)]
pub struct Adapters {
    /// Parses a server's address. With a PEM file, only the authorities in it are trusted.
    pub server: fn(url: &str, ca: Option<&Path>) -> Result<ServerUrl>,
    /// Opens the SQLite database of a server that is stopped.
    pub open: fn(database: &Path) -> Result<OfflineDatabase>,
    /// Hashes a password as a server does. Blocks.
    pub hash_password: fn(password: &str) -> Result<String>,
    /// Creates a node's tables in the PostgreSQL database at this address. Blocks.
    pub make_tables: fn(url: String) -> Result<()>,
    /// Name of the schema with these tables.
    pub schema: &'static str,
}

/// A SQLite database that no server uses at present. Its events reach no client.
pub struct OfflineDatabase {
    /// Writes to the database.
    pub store: Arc<dyn Store>,
    /// The clock that the server uses.
    pub clock: Arc<dyn Clock>,
    /// Issues a token for a user, signed with the key that is kept beside the database.
    pub issue_token: Box<dyn Fn(UserId) -> Result<String> + Send + Sync>,
    /// Writes out what is queued and closes the file. Blocks.
    pub close: Box<dyn FnOnce() + Send>,
}

impl OfflineDatabase {
    /// Closes the database, so that a server can open it. Blocks.
    pub(crate) fn close(self) {
        let Self { store, close, .. } = self;
        // `close` drops the last handle to the store, which releases the lock on the file.
        drop(store);
        close();
    }
}
