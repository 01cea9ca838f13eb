//! Operations on readers and entries, on the rows of a store. Each function runs within one transaction of the store,
//! in which the log does not move. They read facts and apply decisions; the decisions are in `rules.rs`.

use std::collections::BTreeMap;

use super::{
    Entry, Feed, Keep, MAX_PAGE, MAX_READERS, PRUNE_BATCH, Page, Progress, Pruned, Reader, ReaderName, Start,
};
use crate::error::Error;
use crate::ids::Position;
use crate::sync::Cursor;
use crate::time::Timestamp;

/// The reading access to the feed that a store provides.
pub trait FeedRows {
    /// Errors of the store, and refusals.
    type Fault: From<Error>;
    /// Returns the extent of the feed.
    fn feed(&self) -> Result<Feed, Self::Fault>;
    /// Returns all readers, ordered by name.
    fn readers(&self) -> Result<Vec<Reader>, Self::Fault>;
    /// Returns the entries after a log position, in log order, at most `limit`.
    fn entries(&self, after: Position, limit: u16) -> Result<Vec<Entry>, Self::Fault>;
    /// Returns, for each of these log positions and in their order, the time of the first entry after it, if there is
    /// one. All are queried at once.
    fn next_times(&self, after: &[Position]) -> Result<Vec<Option<Timestamp>>, Self::Fault>;
    /// Returns the log positions and times of the oldest entries, in log order, at most `limit`.
    fn oldest(&self, limit: u16) -> Result<Vec<(Position, Timestamp)>, Self::Fault>;
}

/// The writing access to the feed that a store provides.
pub trait FeedTables: FeedRows {
    /// Starts writing entries after this log position, since there is a reader now.
    fn begin(&self, at: Position) -> Result<(), Self::Fault>;
    /// Stores a reader; replaces the one with its name.
    fn put(&self, reader: &Reader) -> Result<(), Self::Fault>;
    /// Removes a reader. After the last one, no entries are written.
    fn remove_reader(&self, name: &ReaderName) -> Result<(), Self::Fault>;
    /// Deletes the entries up to a log position, and records that all later ones are kept.
    fn forget(&self, up_to: Position) -> Result<(), Self::Fault>;
}

/// Registers a reader.
///
/// # Errors
/// `reader_exists` if the name is in use; `too_many_readers` if there are [`MAX_READERS`].
pub fn add<R: FeedTables>(
    rows: &R,
    name: ReaderName,
    start: Start,
    added_at: Timestamp,
) -> Result<Reader, R::Fault> {
    let readers = rows.readers()?;
    if readers.iter().any(|reader| reader.name == name) {
        return Err(Error::conflict("reader_exists", format!("There is a reader {name} already")).into());
    }
    if readers.len() >= MAX_READERS {
        let sentence = format!("There are {MAX_READERS} readers, which is as many as there may be");
        return Err(Error::conflict("too_many_readers", sentence).into());
    }
    let feed = rows.feed()?;
    if readers.is_empty() {
        rows.begin(feed.end.position)?;
    }
    let at = Cursor { position: feed.start(readers.len(), start), ..feed.end };
    let reader = Reader { name, at, added_at };
    rows.put(&reader)?;
    Ok(reader)
}

/// Removes a reader, and with it its cursor.
///
/// # Errors
/// `unknown_reader` if there is no reader of that name.
pub fn remove<R: FeedTables>(rows: &R, name: &ReaderName) -> Result<(), R::Fault> {
    find(rows, name)?;
    rows.remove_reader(name)
}

/// Returns all readers with their progress, ordered by name.
pub fn list<R: FeedRows>(rows: &R) -> Result<Vec<Progress>, R::Fault> {
    let readers = rows.readers()?;
    if readers.is_empty() {
        return Ok(Vec::new());
    }
    let feed = rows.feed()?;
    // The entries that a reader can still read begin after this log position.
    let reload = |reader: &Reader| feed.reload(reader.at);
    let from = |reader: &Reader| reload(reader).map_or(reader.at, |reload| reload.from).position;
    let is_behind = |position: &Position| *position < feed.end.position;
    let positions: Vec<_> = readers.iter().map(from).filter(is_behind).collect();
    let times = if positions.is_empty() { Vec::new() } else { rows.next_times(&positions)? };
    let oldest: BTreeMap<_, _> = positions.into_iter().zip(times).collect();
    let progress = |reader: Reader| {
        let from = from(&reader);
        let lag = u64::try_from(feed.end.position.0 - from.0).unwrap_or(0);
        Progress { reload: reload(&reader), lag, oldest_at: oldest.get(&from).copied().flatten(), reader }
    };
    Ok(readers.into_iter().map(progress).collect())
}

/// Returns the entries after a reader's cursor, at most `limit` but at least one if there are any. The cursor does not
/// move until the reader acknowledges.
///
/// # Errors
/// `unknown_reader` if there is no reader of that name.
pub fn page<R: FeedRows>(rows: &R, name: &ReaderName, limit: u16) -> Result<Page, R::Fault> {
    let at = find(rows, name)?.at;
    let feed = rows.feed()?;
    // In another log, that position may hold any entry.
    let entries = match feed.reload(at) {
        Some(_) => Vec::new(),
        None => rows.entries(at.position, limit.clamp(1, MAX_PAGE))?,
    };
    Ok(feed.page(at, entries))
}

/// Moves a reader's cursor: everything up to `up_to` is handled. A cursor before the reader's own changes nothing.
///
/// # Errors
/// `unknown_reader`; `other_log` if the cursor belongs to another log; `beyond_the_end` if it lies after the end.
pub fn acknowledge<R: FeedTables>(rows: &R, name: &ReaderName, up_to: Cursor) -> Result<Reader, R::Fault> {
    let reader = find(rows, name)?;
    let at = rows.feed()?.acknowledged(reader.at, up_to)?;
    if at == reader.at {
        return Ok(reader);
    }
    let reader = Reader { at, ..reader };
    rows.put(&reader)?;
    Ok(reader)
}

/// Returns the log position up to which the oldest entries can be deleted, at most `limit` of them; `None` if none can.
fn expired<R: FeedRows>(rows: &R, limit: u16, kept: (Keep, Timestamp)) -> Result<Option<Position>, R::Fault> {
    let oldest = rows.oldest(limit)?;
    if oldest.is_empty() {
        return Ok(None);
    }
    Ok(rows.feed()?.expired(rows.readers()?.len(), &oldest, kept))
}

/// Whether any entry can be deleted. Cheap.
pub fn has_expired<R: FeedRows>(rows: &R, keep: Keep, now: Timestamp) -> Result<bool, R::Fault> {
    Ok(expired(rows, 1, (keep, now))?.is_some())
}

/// Deletes entries that are no longer kept, the oldest first, at most [`PRUNE_BATCH`] of them.
pub fn prune<R: FeedTables>(rows: &R, keep: Keep, now: Timestamp) -> Result<Pruned, R::Fault> {
    let Some(up_to) = expired(rows, PRUNE_BATCH, (keep, now))? else { return Ok(Pruned { has_more: false }) };
    rows.forget(up_to)?;
    Ok(Pruned { has_more: has_expired(rows, keep, now)? })
}

fn find<R: FeedRows>(rows: &R, name: &ReaderName) -> Result<Reader, R::Fault> {
    let found = rows.readers()?.into_iter().find(|reader| reader.name == *name);
    found.ok_or_else(|| Error::conflict("unknown_reader", format!("There is no reader {name}")).into())
}
