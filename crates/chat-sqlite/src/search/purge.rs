//! Removes the words of deleted messages from the index. A deletion only marks a message as deleted: its words stay
//! until FTS5 next merges that part of the index, which may never happen for a large part. So some hours after a
//! deletion, once for all deletions until then, the whole index is merged, in small steps with other work in between.

use std::time::Duration;

use chat_core::failpoints;
use rusqlite::{Connection, OptionalExtension};

use crate::checkpoint;

/// Time from a deletion to the start of the merge. The words are gone within a day.
const PURGE_DELAY: Duration = Duration::from_secs(12 * 3600);
/// Number of pages that one step writes, about half a megabyte.
const STEP: i64 = 128;

/// Time of the first deletion that is not purged yet, in seconds since 1970. No row means that there is nothing to
/// purge.
pub(super) const TABLE: &str = "
    CREATE TABLE forgotten (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), since INTEGER NOT NULL) STRICT;";

/// Adds the table to the index of a release that did not have it. That index may contain deleted words.
pub(super) fn prepare(index: &Connection) -> rusqlite::Result<()> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE name = 'forgotten'";
    if index.query_row(sql, (), |_| Ok(())).optional()?.is_none() {
        index.execute_batch(TABLE)?;
        note(index)?;
    }
    Ok(())
}

/// Records that a message was deleted.
pub(super) fn note(index: &Connection) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO forgotten (only_row, since) VALUES (1, unixepoch())";
    index.prepare_cached(sql)?.execute(()).map(drop)
}

/// Progress of a merge.
#[derive(Default)]
pub(super) struct Purge {
    has_begun: bool,
    /// Whether a message was deleted during the merge: its words may be in a part that is merged already.
    has_more: bool,
}

impl Purge {
    /// Must be called when messages were deleted.
    pub(super) fn deleted(&mut self) {
        self.has_more = self.has_begun;
    }

    /// Time until [`Self::step`] has work; `None` if there is nothing to purge.
    pub(super) fn due(&self, index: &Connection) -> rusqlite::Result<Option<Duration>> {
        if self.has_begun {
            return Ok(Some(Duration::ZERO));
        }
        // A time in the future was recorded by a clock that has been set back since, perhaps by years.
        let sql = "SELECT abs(unixepoch() - since) FROM forgotten";
        let waited = index.prepare_cached(sql)?.query_row((), |row| row.get::<_, i64>(0)).optional()?;
        let after = if failpoints::is_broken("forgets_at_once") { Duration::ZERO } else { PURGE_DELAY };
        Ok(waited.map(|waited| after.saturating_sub(Duration::from_secs(waited.max(0).cast_unsigned()))))
    }

    /// Merges a few pages.
    pub(super) fn step(&mut self, index: &mut Connection) -> rusqlite::Result<()> {
        let before = index.total_changes();
        // A negative number starts a merge of the whole index; a positive one continues it.
        let pages = if self.has_begun { STEP } else { -STEP };
        index.prepare_cached("INSERT INTO texts (texts, rank) VALUES ('merge', ?1)")?.execute([pages])?;
        self.has_begun = true;
        // The statement itself counts as one change.
        if index.total_changes() - before < 2 {
            self.end(index)?;
        }
        Ok(())
    }

    fn end(&mut self, index: &Connection) -> rusqlite::Result<()> {
        index.execute("DELETE FROM forgotten", ())?;
        if self.has_more {
            note(index)?;
        }
        *self = Self::default();
        // If a search blocks this, the merged pages stay in the log until they are overwritten.
        checkpoint::empty(index);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_is_due_in_half_a_day_and_one_of_a_clock_that_was_ahead_no_later_than_in_two() {
        let index = Connection::open_in_memory().unwrap();
        index.execute_batch(TABLE).unwrap();
        let due = |ahead: i64| {
            index.execute("DELETE FROM forgotten", ()).unwrap();
            index.execute("INSERT INTO forgotten VALUES (1, unixepoch() + ?1)", [ahead]).unwrap();
            Purge::default().due(&index).unwrap().unwrap().as_secs()
        };
        let (hour, year) = (3600, 365 * 24 * 3600);
        for (ahead, hours) in [(0, 12), (-hour, 11), (-13 * hour, 0), (hour, 11), (13 * hour, 0), (year, 0)] {
            let expected = hours * 3600;
            assert!(due(ahead).abs_diff(expected) < 60, "{ahead}");
        }
    }
}
