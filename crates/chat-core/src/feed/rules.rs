//! The rules of the feed, as pure functions: where a reader begins, whether it has to reload, what it may acknowledge, and
//! what is not kept any longer.

use std::fmt;

use super::{Entry, Keep, Page, Start, before};
use crate::error::{Error, Result};
use crate::ids::Position;
use crate::sync::Cursor;
use crate::time::Timestamp;

/// What a store knows of the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feed {
    /// The place of the last entry, which is that of the log's last change.
    pub end: Cursor,
    /// Everything after this place and up to the end is there.
    pub kept_from: Position,
}

/// Why a reader has to reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// What came right after its place is not kept any more.
    TooOld,
    /// Its place is one of another log: the database was restored, replaced, or has gone back.
    OtherLog,
}

impl Why {
    /// As readers get it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooOld => "too_old",
            Self::OtherLog => "other_log",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A reader has to load the present state before it reads on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reload {
    /// Why.
    pub why: Why,
    /// What to acknowledge, once the present state is loaded, to read on from there. Where entries were too old it is
    /// the place before the oldest that is kept, so that no more than necessary is missing; in another log it is the
    /// end, since a place before it may be one that the reader has seen under another epoch.
    pub from: Cursor,
}

impl Feed {
    /// Where a new reader begins; `n_readers` is how many there were before.
    pub(super) fn start(&self, n_readers: usize, start: Start) -> Position {
        match start {
            Start::Oldest if n_readers > 0 => self.kept_from,
            Start::Oldest | Start::End => self.end.position,
        }
    }

    /// Whether a reader at this place has to reload.
    pub(super) fn reload(&self, at: Cursor) -> Option<Reload> {
        let to = |position| Cursor { position, ..self.end };
        if at.epoch != self.end.epoch || at.position > self.end.position {
            return Some(Reload { why: Why::OtherLog, from: self.end });
        }
        (at.position < self.kept_from).then(|| Reload { why: Why::TooOld, from: to(self.kept_from) })
    }

    /// What a reader at this place gets of the entries that were found after it. Entries without a gap are all that it
    /// may have: whatever has made one, the reader learns of it and does not read over it.
    pub(super) fn page(&self, at: Cursor, mut entries: Vec<Entry>) -> Page {
        if let Some(reload) = self.reload(at) {
            return Page::Reload(reload);
        }
        let next = entries.first().map(|first| before(first.position));
        let missing = match next {
            Some(next) => (next != at.position).then_some(next),
            None => (at.position < self.end.position).then_some(self.end.position),
        };
        if let Some(position) = missing {
            return Page::Reload(Reload { why: Why::TooOld, from: Cursor { position, ..at } });
        }
        let is_next = |(entry, place): (&Entry, i64)| entry.position.0 == place;
        entries.truncate(entries.iter().zip(at.position.0 + 1..).take_while(|it| is_next(*it)).count());
        let last = entries.last().map_or(at.position, |last| last.position);
        Page::Entries {
            entries,
            up_to: Cursor { position: last, ..at },
            is_complete: last >= self.end.position,
        }
    }

    /// Where a reader at this place is after it has acknowledged another one: never before it.
    ///
    /// # Errors
    /// A conflict where the place is one of another log, or nothing has been committed there yet.
    pub(super) fn acknowledged(&self, at: Cursor, up_to: Cursor) -> Result<Cursor> {
        if up_to.epoch != self.end.epoch {
            let sentence = "That position is one of another log; read again to learn where to go on";
            return Err(Error::conflict("other_log", sentence));
        }
        if up_to.position > self.end.position {
            return Err(Error::conflict("beyond_the_end", "The log does not reach to that position yet"));
        }
        let goes_back =
            at.epoch == self.end.epoch && at.position <= self.end.position && at.position > up_to.position;
        Ok(if goes_back { at } else { up_to })
    }

    /// Up to where the oldest entries are not kept any longer; `oldest` are their places and times, in order. Without
    /// readers nothing is kept.
    pub(super) fn expired(
        &self,
        n_readers: usize,
        oldest: &[(Position, Timestamp)],
        (keep, now): (Keep, Timestamp),
    ) -> Option<Position> {
        let end = self.end.position.0;
        let most = i64::try_from(keep.entries).unwrap_or(i64::MAX);
        let floor = if n_readers == 0 { end } else { self.kept_from.0.max(end.saturating_sub(most)) };
        let age = i64::try_from(keep.age.as_micros()).unwrap_or(i64::MAX);
        let since = now.0.saturating_sub(age);
        let is_expired = |(position, at): &&(Position, Timestamp)| position.0 <= floor || at.0 < since;
        oldest.iter().take_while(is_expired).last().map(|(position, _)| *position)
    }
}
