//! The rules of the feed, as pure functions: where a reader starts, whether it has to reload, what it may acknowledge,
//! and which entries are no longer kept.

use std::fmt;

use super::{Entry, Keep, Page, Start, before};
use crate::error::{Error, Result};
use crate::ids::Position;
use crate::sync::Cursor;
use crate::time::Timestamp;

/// The extent of the feed in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feed {
    /// Cursor of the last entry, which is also the end of the log.
    pub end: Cursor,
    /// All entries after this log position, up to the end, are kept.
    pub kept_from: Position,
}

/// Why a reader has to reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The entry right after its cursor is no longer kept.
    TooOld,
    /// Its cursor belongs to another log: the database was restored, replaced, or has gone back.
    OtherLog,
}

impl Why {
    /// Returns the name of the reason for readers.
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

/// Tells a reader to load the present state before it reads on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reload {
    pub why: Why,
    /// Cursor to acknowledge once the present state is loaded; the reader reads on from there. If entries are missing,
    /// it lies right before the oldest one that is kept, so that no more than necessary is missing. In another log it
    /// is the end, since the reader may have seen the earlier positions under another epoch.
    pub from: Cursor,
}

impl Feed {
    /// Returns where a new reader starts; `n_readers` is the number of existing readers.
    pub(super) fn start(&self, n_readers: usize, start: Start) -> Position {
        match start {
            Start::Oldest if n_readers > 0 => self.kept_from,
            Start::Oldest | Start::End => self.end.position,
        }
    }

    /// Whether a reader with this cursor has to reload, and why.
    pub(super) fn reload(&self, at: Cursor) -> Option<Reload> {
        let to = |position| Cursor { position, ..self.end };
        if at.epoch != self.end.epoch || at.position > self.end.position {
            return Some(Reload { why: Why::OtherLog, from: self.end });
        }
        (at.position < self.kept_from).then(|| Reload { why: Why::TooOld, from: to(self.kept_from) })
    }

    /// Returns the page for a reader with this cursor, given the entries that were found after it. A page never has a
    /// gap: whatever caused one, the reader has to reload and does not skip entries unnoticed.
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
        let is_next = |(entry, position): (&Entry, i64)| entry.position.0 == position;
        entries.truncate(entries.iter().zip(at.position.0 + 1..).take_while(|it| is_next(*it)).count());
        let last = entries.last().map_or(at.position, |last| last.position);
        Page::Entries {
            entries,
            up_to: Cursor { position: last, ..at },
            is_complete: last >= self.end.position,
        }
    }

    /// Returns the cursor of a reader that had `at` and acknowledges `up_to`: never an earlier one than `at`.
    ///
    /// # Errors
    /// `other_log` if the cursor belongs to another log; `beyond_the_end` if nothing has been committed there yet.
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

    /// Returns the log position up to which the oldest entries are no longer kept; `oldest` holds the positions and
    /// times of some, in log order. Without readers, no entry is kept.
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
