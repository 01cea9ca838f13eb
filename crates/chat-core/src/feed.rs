//! The feed: the committed changes of the whole server in log order, for named readers with durable cursors (webhooks,
//! feeds and bots will be such readers). It is kept only while there is a reader. An entry says what changed and where,
//! by ids; a reader loads the text when it needs it, since the text may have changed by then.
//!
//! `feed/entry.rs` makes an entry of an event, `feed/rules.rs` decides, `feed/work.rs` applies the decisions to a
//! store's rows. Signals (typing, presence) are not entries, and code for one way of delivery does not belong here.

mod entry;
mod rules;
mod work;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::Chat;
use crate::error::{Error, Result};
use crate::event::{Change, Outcome};
use crate::ids::Position;
use crate::sync::Cursor;
use crate::time::Timestamp;

pub use entry::{Entry, Kind};
pub use rules::{Feed, Reload, Why};
pub use work::{FeedRows, FeedTables, acknowledge, add, has_expired, list, page, prune, remove};

/// Maximum number of readers. Each is a label of a metric. A reader that stays away keeps entries no longer than
/// [`Keep`] says.
pub const MAX_READERS: usize = 32;
/// Maximum number of entries in one page.
pub const MAX_PAGE: u16 = 1000;
/// Maximum number of entries that one transaction deletes.
pub const PRUNE_BATCH: u16 = 2000;
/// Maximum number of transactions that delete entries in one call of [`Chat::tend_feed`].
const PRUNE_BATCHES: usize = 50;
/// Longest name of a reader, in bytes.
const MAX_NAME: usize = 64;

/// Name of a reader: 1 to 64 ASCII letters, digits, `-`, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReaderName(String);

impl ReaderName {
    /// Parses a name.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is empty or too long, or has other characters.
    pub fn parse(text: &str) -> Result<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(is_plain) {
            return Err(Error::invalid("name", "must be 1 to 64 letters, digits, -, _ and ."));
        }
        Ok(Self(text.to_owned()))
    }

    /// Takes a stored name without checks. A later release may allow more than [`Self::parse`] does, and its readers
    /// must not break the others.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A reader and its cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    pub name: ReaderName,
    /// Cursor of the last entry that it has acknowledged.
    pub at: Cursor,
    /// When it was registered.
    pub added_at: Timestamp,
}

impl Outcome for Reader {
    /// Readers are not visible to clients.
    fn changes(&self) -> Vec<Change> {
        Vec::new()
    }
}

/// Where a new reader starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the end: with the next change that is committed.
    End,
    /// At the oldest entry that is kept. If there is no other reader, this is the end.
    Oldest,
}

/// Progress of a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    pub reader: Reader,
    /// Number of entries that it has not acknowledged; for a reader that has to reload, number of those that it can
    /// still read.
    pub lag: u64,
    /// Commit time of the oldest of these entries.
    pub oldest_at: Option<Timestamp>,
    /// Set if the reader has to reload, with the reason.
    pub reload: Option<Reload>,
}

impl Progress {
    /// Returns the values of the reader's metrics at `now`.
    #[must_use]
    pub fn counted(&self, now: Timestamp) -> Counted {
        let age = self.oldest_at.map_or(0, |at| now.seconds() - at.seconds());
        Counted {
            name: self.reader.name.to_string(),
            lag: self.lag,
            oldest_age: u64::try_from(age).unwrap_or(0),
            has_to_reload: self.reload.is_some(),
        }
    }
}

/// Values of a reader's metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    pub name: String,
    /// See [`Progress::lag`].
    pub lag: u64,
    /// Age of the oldest of these entries, in seconds.
    pub oldest_age: u64,
    /// Whether it has to reload; then the two fields above do not count what it lacks.
    pub has_to_reload: bool,
}

/// What a reader gets when it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// The entries after its cursor, in log order, with none missing.
    Entries {
        /// At most the requested number.
        entries: Vec<Entry>,
        /// Cursor to acknowledge when all entries are handled: that of the last one, or the reader's own if there are
        /// no entries.
        up_to: Cursor,
        /// Whether the log contained nothing more at the time of reading.
        is_complete: bool,
    },
    /// The entries after its cursor are not kept, or the cursor belongs to another log. The reader has to load what it
    /// needs of the present state, and then acknowledge the cursor in here.
    Reload(Reload),
}

/// Bounds of the feed. Older entries are deleted, whether or not they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Maximum age of an entry.
    pub age: Duration,
    /// Maximum number of entries; the newest are kept.
    pub entries: u64,
}

/// The result of deleting old entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// Whether there may be more to delete.
    pub has_more: bool,
}

impl Outcome for Pruned {
    fn changes(&self) -> Vec<Change> {
        Vec::new()
    }
}

/// The durable side of the feed. The functions of this module decide; a store reads and writes the rows that they ask
/// for, each call within one transaction.
///
/// While there is a reader, a store MUST write the entry of a change in the transaction of the change, so that a
/// rollback removes both. While there is none, it MUST write nothing, and MUST learn that without an additional query:
/// from a column of the log's row, which every transaction reads or writes anyway.
#[async_trait]
pub trait FeedStore: Send + Sync + 'static {
    /// See [`add`].
    async fn add_reader(&self, name: ReaderName, start: Start, now: Timestamp) -> Result<Reader>;
    /// See [`remove`].
    async fn remove_reader(&self, name: ReaderName) -> Result<()>;
    /// See [`list`]. MUST update the metrics of the readers.
    async fn feed_readers(&self) -> Result<Vec<Progress>>;
    /// See [`page`].
    async fn read_feed(&self, name: ReaderName, limit: u16) -> Result<Page>;
    /// See [`acknowledge`].
    async fn acknowledge(&self, name: ReaderName, up_to: Cursor) -> Result<Reader>;
    /// See [`prune`]. MUST NOT begin a writing transaction if there is nothing to delete.
    async fn prune_feed(&self, keep: Keep, now: Timestamp) -> Result<Pruned>;
}

/// Access to the readers of a database for operator commands, while a server may be using it. Each call is a
/// transaction, and blocks.
pub trait ReaderAdmin {
    /// See [`add`].
    ///
    /// # Errors
    /// Those of [`add`], and failures of the store.
    fn add(&mut self, name: ReaderName, start: Start) -> Result<Reader>;
    /// See [`remove`].
    ///
    /// # Errors
    /// Those of [`remove`], and failures of the store.
    fn remove(&mut self, name: &ReaderName) -> Result<()>;
    /// See [`list`].
    ///
    /// # Errors
    /// Failures of the store.
    fn list(&mut self) -> Result<Vec<Progress>>;
    /// See [`page`].
    ///
    /// # Errors
    /// Those of [`page`], and failures of the store.
    fn page(&mut self, name: &ReaderName, limit: u16) -> Result<Page>;
    /// See [`acknowledge`].
    ///
    /// # Errors
    /// Those of [`acknowledge`], and failures of the store.
    fn acknowledge(&mut self, name: &ReaderName, up_to: Cursor) -> Result<Reader>;
}

impl Chat {
    /// Deletes entries beyond the bounds, in small transactions so that other writes can run in between, and updates
    /// the metrics of the readers. Must be called every few seconds.
    pub async fn tend_feed(&self) -> Result<()> {
        let now = self.clock.now();
        let keep = Keep { age: self.limits.feed_age, entries: self.limits.feed_entries };
        for _ in 0..PRUNE_BATCHES {
            if !self.store.prune_feed(keep, now).await?.has_more {
                break;
            }
        }
        self.store.feed_readers().await.map(drop)
    }
}

/// Returns the log position right before a position.
fn before(position: Position) -> Position {
    Position(position.0 - 1)
}

#[cfg(test)]
mod tests;
