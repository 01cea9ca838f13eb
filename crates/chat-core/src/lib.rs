//! The inside of the hexagon: the domain model, its rules, and the ports to storage, live delivery, time and password
//! hashing.
//!
//! No framework, driver, serialisation or async runtime may appear here; adapters depend on this crate and never the
//! other way round. Each feature file holds, in this order: its types, its rules, its port and the use cases as an
//! `impl Chat` block.

pub mod access;
pub mod accounts;
pub mod changes;
pub mod clocks;
pub mod cluster;
pub mod command;
pub mod conversations;
pub mod dates;
pub mod demo;
pub mod edits;
pub mod error;
pub mod event;
pub mod failpoints;
pub mod feed;
pub mod groups;
pub mod ids;
pub mod intention;
pub mod lineage;
pub mod live_text;
pub mod media;
pub mod messages;
pub mod names;
pub mod passwords;
pub mod policy;
pub mod ports;
pub mod posting;
pub mod presence;
pub mod reactions;
pub mod receipts;
pub mod room;
#[cfg(test)]
mod sample;
pub mod saved;
pub mod search;
pub mod sync;
pub mod time;
pub mod trace;
pub mod transfer;
pub mod typing;
pub mod unread;

use std::sync::Arc;
use std::time::Duration;

use access::TicketStore;
pub use error::{Error, Result, Unique};
use ports::{Clock, EventSink, Passwords, Store};

/// Bounds on what a client may send and on what is kept. A value over a bound of the first kind is refused with
/// [`Error::Invalid`].
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest message text, in bytes of UTF-8.
    pub content_bytes: usize,
    /// Maximum number of attachments of one message.
    pub media: usize,
    /// Longest `media_url`, in bytes.
    pub media_url_bytes: usize,
    /// Longest name of an attachment, in bytes.
    pub media_name_bytes: usize,
    /// Maximum number of users that one message mentions by id.
    pub mentions: usize,
    /// Longest `custom` object of an application, in bytes of JSON.
    pub custom_bytes: usize,
    /// Longest `client_msg_id`, in bytes.
    pub client_msg_id_bytes: usize,
    /// Longest group name, in characters.
    pub group_name_chars: usize,
    /// Maximum age of entries of the feed.
    pub feed_age: Duration,
    /// Maximum number of entries of the feed.
    pub feed_entries: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            content_bytes: 16 * 1024,
            media: 10,
            media_url_bytes: 2048,
            media_name_bytes: 255,
            mentions: 100,
            custom_bytes: 4096,
            client_msg_id_bytes: 128,
            group_name_chars: 100,
            feed_age: Duration::from_secs(7 * 24 * 3600),
            feed_entries: 1_000_000,
        }
    }
}

/// The technologies a [`Chat`] works with, chosen by the composition root.
#[derive(Clone)]
pub struct Adapters {
    /// Stores everything durable.
    pub store: Arc<dyn Store>,
    /// Receives signals directly; the store passes it durable events after their commit.
    pub sink: Arc<dyn EventSink>,
    /// Stores tickets until they are used.
    pub tickets: Arc<dyn TicketStore>,
    /// Hashes and checks passwords.
    pub passwords: Arc<dyn Passwords>,
    pub clock: Arc<dyn Clock>,
}

/// The application: every use case is a method on this handle, which is cheap to clone.
#[derive(Clone)]
pub struct Chat {
    store: Arc<dyn Store>,
    sink: Arc<dyn EventSink>,
    tickets: Arc<dyn TicketStore>,
    passwords: Arc<dyn Passwords>,
    clock: Arc<dyn Clock>,
    limits: Limits,
}

impl Chat {
    /// Builds the application on the given adapters.
    pub fn new(adapters: Adapters, limits: Limits) -> Self {
        let Adapters { store, sink, tickets, passwords, clock } = adapters;
        Self { store, sink, tickets, passwords, clock, limits }
    }

    /// Succeeds only if a durable write succeeds now (README, promise 8).
    ///
    /// # Errors
    /// The error of the write.
    pub async fn check_ready(&self) -> Result<()> {
        self.store.probe_write().await
    }

    /// Returns the present time, by the application's clock.
    pub fn now(&self) -> time::Timestamp {
        self.clock.now()
    }

    /// Returns the name of the storage engine as `/ping` reports it: `sqlite3` or `postgres`.
    pub fn storage_name(&self) -> &'static str {
        self.store.engine_name()
    }
}
