//! The feed: the committed changes of the whole server in the log's order, for named readers whose places are durable
//! (webhooks, feeds and bots will be such readers). It is kept only while there is a reader. An entry says what changed
//! and where, by ids; the text is read when it is wanted, since it may be another one by then.
//!
//! `feed/entry.rs` makes an entry of an event, `feed/rules.rs` decides, `feed/work.rs` does it on a store's rows. Signals
//! (typing, presence) are no entries, and nothing that belongs to one way of delivery may stand here.

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

/// Most readers at a time. Each is a label of a metric, and each that stays away keeps nothing longer than [`Keep`] says.
pub const MAX_READERS: usize = 32;
/// Most entries of one page.
pub const MAX_PAGE: u16 = 1000;
/// Most entries that one transaction deletes.
pub const PIECE: u16 = 2000;
/// Most transactions that delete entries each time that [`Chat::tend_feed`] is called.
const PIECES: usize = 50;
/// Longest name of a reader, in bytes.
const MAX_NAME: usize = 64;

/// How a reader is called: 1 to 64 letters, digits, `-`, `_` and `.` of ASCII.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReaderName(String);

impl ReaderName {
    /// The name, if it is one.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it has other characters, none, or too many.
    pub fn parse(text: &str) -> Result<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(is_plain) {
            return Err(Error::invalid("name", "must be 1 to 64 letters, digits, -, _ and ."));
        }
        Ok(Self(text.to_owned()))
    }

    /// One that is stored. A later release may allow more than [`Self::parse`] does, and its readers are to break no others.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// As it is stored and shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A reader and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// How it is called.
    pub name: ReaderName,
    /// The last place that it has acknowledged, and of which log that is.
    pub at: Cursor,
    /// When it was registered.
    pub added_at: Timestamp,
}

impl Outcome for Reader {
    /// Readers are no part of what clients see.
    fn changes(&self) -> Vec<Change> {
        Vec::new()
    }
}

/// Where a new reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With what is committed from now on.
    End,
    /// With the oldest entry that is kept; where nobody has read so far, that is the end.
    Oldest,
}

/// How far a reader has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The reader.
    pub reader: Reader,
    /// How many entries it has not acknowledged; of one that has to reload, those that it can still read.
    pub lag: u64,
    /// The time of the oldest of those.
    pub oldest_at: Option<Timestamp>,
    /// Why it has to reload, if it has to.
    pub reload: Option<Reload>,
}

impl Progress {
    /// What the metrics show of the reader at this time.
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

/// What the metrics show of a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// How the reader is called.
    pub name: String,
    /// As in [`Progress`].
    pub lag: u64,
    /// For how many seconds the oldest of these entries has waited.
    pub oldest_age: u64,
    /// Whether it has to reload; then the two above say nothing of what it lacks.
    pub has_to_reload: bool,
}

/// What a reader gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// The entries after its place, in the order of their positions, none missing.
    Entries {
        /// At most as many as it asked for.
        entries: Vec<Entry>,
        /// What to acknowledge when all of them are dealt with: the place of the last one, or the reader's own.
        up_to: Cursor,
        /// Whether nothing more was there when it was read.
        is_complete: bool,
    },
    /// What comes after its place is not kept, or the place is one of another log. It has to load what it needs of the
    /// present state, and then to acknowledge the place in here.
    Reload(Reload),
}

/// How much of the feed is kept; what is older goes, whether or not it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// No entry older than this.
    pub age: Duration,
    /// No more entries than these, the newest.
    pub entries: u64,
}

/// What came of deleting old entries.
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

/// The durable side of the feed. The functions of this module decide; a store gathers what they ask for and applies what
/// they say, each within one transaction.
///
/// While there is a reader, a store MUST write the entry of each change in the transaction of the change, and none where
/// that is rolled back. While there is none, it MUST write nothing, and MUST learn that for no more than it pays anyway:
/// from a column of the log's row, which every transaction reads or writes.
#[async_trait]
pub trait FeedStore: Send + Sync + 'static {
    /// As [`add`] says.
    async fn add_reader(&self, name: ReaderName, start: Start, now: Timestamp) -> Result<Reader>;
    /// As [`remove`] says.
    async fn remove_reader(&self, name: ReaderName) -> Result<()>;
    /// As [`list`] says. MUST bring the metrics of readers up to date.
    async fn feed_readers(&self) -> Result<Vec<Progress>>;
    /// As [`page`] says.
    async fn read_feed(&self, name: ReaderName, limit: u16) -> Result<Page>;
    /// As [`acknowledge`] says.
    async fn acknowledge(&self, name: ReaderName, up_to: Cursor) -> Result<Reader>;
    /// As [`prune`] says. MUST begin no transaction that writes where there is nothing to delete.
    async fn prune_feed(&self, keep: Keep, now: Timestamp) -> Result<Pruned>;
}

/// The readers of a database that may be served meanwhile, for the operator: each call is a transaction, and blocks.
pub trait Desk {
    /// As [`add`] says.
    ///
    /// # Errors
    /// What it refuses, and if the store fails.
    fn add(&mut self, name: ReaderName, start: Start) -> Result<Reader>;
    /// As [`remove`] says.
    ///
    /// # Errors
    /// What it refuses, and if the store fails.
    fn remove(&mut self, name: &ReaderName) -> Result<()>;
    /// As [`list`] says.
    ///
    /// # Errors
    /// If the store fails.
    fn list(&mut self) -> Result<Vec<Progress>>;
    /// As [`page`] says.
    ///
    /// # Errors
    /// What it refuses, and if the store fails.
    fn page(&mut self, name: &ReaderName, limit: u16) -> Result<Page>;
    /// As [`acknowledge`] says.
    ///
    /// # Errors
    /// What it refuses, and if the store fails.
    fn acknowledge(&mut self, name: &ReaderName, up_to: Cursor) -> Result<Reader>;
}

impl Chat {
    /// Deletes what is too old to be kept, in pieces between which others write, and brings the metrics of readers up to
    /// date. To be called every few seconds.
    pub async fn tend_feed(&self) -> Result<()> {
        let now = self.clock.now();
        let keep = Keep { age: self.limits.feed_age, entries: self.limits.feed_entries };
        for _ in 0..PIECES {
            if !self.store.prune_feed(keep, now).await?.has_more {
                break;
            }
        }
        self.store.feed_readers().await.map(drop)
    }
}

/// The place right before a position.
fn before(position: Position) -> Position {
    Position(position.0 - 1)
}

#[cfg(test)]
mod tests;
