//! What is done with readers, on the rows of a store: each function within one transaction of the store's, in which the
//! log does not move. Facts are asked for and decisions applied; which they are is for `rules.rs`.

use std::collections::BTreeMap;

use super::{
    Entry, Feed, Keep, MAX_PAGE, MAX_READERS, PIECE, Page, Progress, Pruned, Reader, ReaderName, Start,
};
use crate::error::Error;
use crate::ids::Position;
use crate::sync::Cursor;
use crate::time::Timestamp;

/// What a store reads of the feed.
pub trait FeedRows {
    /// What can go wrong in the store, and refusals.
    type Fault: From<Error>;
    /// How far the feed reaches.
    fn feed(&self) -> Result<Feed, Self::Fault>;
    /// All readers, in the order of their names.
    fn readers(&self) -> Result<Vec<Reader>, Self::Fault>;
    /// The entries after a place, in order, at most so many.
    fn entries(&self, after: Position, limit: u16) -> Result<Vec<Entry>, Self::Fault>;
    /// For each of these places, in their order, the time of the first entry after it, if there is one. All are asked for
    /// at once.
    fn next_times(&self, after: &[Position]) -> Result<Vec<Option<Timestamp>>, Self::Fault>;
    /// The places and times of the oldest entries, in order, at most so many.
    fn oldest(&self, limit: u16) -> Result<Vec<(Position, Timestamp)>, Self::Fault>;
}

/// What a store writes of it.
pub trait FeedTables: FeedRows {
    /// From here on entries are written, since there is a reader now.
    fn begin(&self, at: Position) -> Result<(), Self::Fault>;
    /// Keeps a reader, in the place of the one of its name.
    fn put(&self, reader: &Reader) -> Result<(), Self::Fault>;
    /// Removes a reader; after the last one no more entries are written.
    fn take_away(&self, name: &ReaderName) -> Result<(), Self::Fault>;
    /// Deletes the entries up to a place, and keeps in mind that those after it are all there.
    fn forget(&self, up_to: Position) -> Result<(), Self::Fault>;
}

/// Registers a reader.
///
/// # Errors
/// A conflict where there is one of that name, or as many as there may be.
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

/// Removes a reader, with its place.
///
/// # Errors
/// A conflict where there is none of that name.
pub fn remove<R: FeedTables>(rows: &R, name: &ReaderName) -> Result<(), R::Fault> {
    find(rows, name)?;
    rows.take_away(name)
}

/// All readers, in the order of their names, with how far they have come.
pub fn list<R: FeedRows>(rows: &R) -> Result<Vec<Progress>, R::Fault> {
    let readers = rows.readers()?;
    if readers.is_empty() {
        return Ok(Vec::new());
    }
    let feed = rows.feed()?;
    // What a reader can still read begins after this place.
    let reload = |reader: &Reader| feed.reload(reader.at);
    let from = |reader: &Reader| reload(reader).map_or(reader.at, |reload| reload.from).position;
    let is_behind = |place: &Position| *place < feed.end.position;
    let places: Vec<_> = readers.iter().map(from).filter(is_behind).collect();
    let times = if places.is_empty() { Vec::new() } else { rows.next_times(&places)? };
    let oldest: BTreeMap<_, _> = places.into_iter().zip(times).collect();
    let progress = |reader: Reader| {
        let from = from(&reader);
        let lag = u64::try_from(feed.end.position.0 - from.0).unwrap_or(0);
        Progress { reload: reload(&reader), lag, oldest_at: oldest.get(&from).copied().flatten(), reader }
    };
    Ok(readers.into_iter().map(progress).collect())
}

/// What comes after a reader's place: at most so many entries, one at least. The place stays where it is until it is
/// acknowledged.
///
/// # Errors
/// A conflict where there is no reader of that name.
pub fn page<R: FeedRows>(rows: &R, name: &ReaderName, limit: u16) -> Result<Page, R::Fault> {
    let at = find(rows, name)?.at;
    let feed = rows.feed()?;
    // Of another log, there may be anything at that place.
    let entries = match feed.reload(at) {
        Some(_) => Vec::new(),
        None => rows.entries(at.position, limit.clamp(1, MAX_PAGE))?,
    };
    Ok(feed.page(at, entries))
}

/// Moves a reader to a place: everything up to it is dealt with. A place before the reader's own changes nothing.
///
/// # Errors
/// A conflict where there is no reader of that name, the place is one of another log or beyond the end.
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

/// Up to where a piece of the oldest entries can go, if anything can.
fn expired<R: FeedRows>(rows: &R, limit: u16, kept: (Keep, Timestamp)) -> Result<Option<Position>, R::Fault> {
    let oldest = rows.oldest(limit)?;
    if oldest.is_empty() {
        return Ok(None);
    }
    Ok(rows.feed()?.expired(rows.readers()?.len(), &oldest, kept))
}

/// Whether any entry can go, which is cheap to ask.
pub fn has_expired<R: FeedRows>(rows: &R, keep: Keep, now: Timestamp) -> Result<bool, R::Fault> {
    Ok(expired(rows, 1, (keep, now))?.is_some())
}

/// Deletes a piece of what is not kept any longer, the oldest entries first.
pub fn prune<R: FeedTables>(rows: &R, keep: Keep, now: Timestamp) -> Result<Pruned, R::Fault> {
    let Some(up_to) = expired(rows, PIECE, (keep, now))? else { return Ok(Pruned { has_more: false }) };
    rows.forget(up_to)?;
    Ok(Pruned { has_more: has_expired(rows, keep, now)? })
}

fn find<R: FeedRows>(rows: &R, name: &ReaderName) -> Result<Reader, R::Fault> {
    let found = rows.readers()?.into_iter().find(|reader| reader.name == *name);
    found.ok_or_else(|| Error::conflict("unknown_reader", format!("There is no reader {name}")).into())
}
