//! Copies everything from one store to another: `rsync` for tables.
//!
//! The source's rows are read in ranges, in the order of their keys. A range whose checksum equals the target's is
//! skipped, any other is replaced as a whole. So a transfer that was interrupted, or whose source has changed since, is
//! simply run again; there is no state to lose. `transfer/tables.rs` lists what is copied. No driver may be used here:
//! stores take part through [`Source`] and [`Target`].

mod tables;
mod value;

#[cfg(test)]
mod tests;

pub use tables::{Column, Kind, TABLES, Table};
pub use value::{Batch, Digest, Row, Value, mended};

use crate::failpoints;
use crate::ids::Position;
use crate::sync::Epoch;

/// Number of rows in a range: enough to be worth a transaction, and few enough that one changed row costs little.
pub const ROWS: usize = 5000;

/// An error of a store.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Why a transfer stopped early.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The source failed.
    #[error("cannot read the source: {0}")]
    Source(#[source] Failure),
    /// The target failed.
    #[error("cannot write the target: {0}")]
    Target(#[source] Failure),
    /// The target cannot store a row's key unchanged.
    #[error("a row of {0} has the character U+0000 in its key, which the target cannot store")]
    Key(&'static str),
    /// The target returns other rows than it was given.
    #[error(
        "the rows of {0} differ at the target; make sure that nothing else writes there, and run this again"
    )]
    Differs(&'static str),
}

/// A range of rows by key. `None` means unbounded.
#[derive(Debug, Clone, Copy)]
pub struct Range<'a> {
    /// Lower bound, exclusive.
    pub after: Option<&'a [Value]>,
    /// Upper bound, inclusive.
    pub upto: Option<&'a [Value]>,
}

/// The end of the source's log, and the highest ids that the source has given out, whether or not their rows still
/// exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    pub epoch: Epoch,
    /// Log position of the end.
    pub position: Position,
    /// Log position after which the feed is complete, if it has readers.
    pub feed_from: Position,
    /// Highest id of a message.
    pub messages: i64,
    /// Highest id of a user.
    pub users: i64,
    /// Highest id of a conversation.
    pub conversations: i64,
    /// Highest id of a group.
    pub groups: i64,
}

/// The store that rows are read from. All calls see the same snapshot of the store.
pub trait Source {
    /// Whether nobody can write to the store during the transfer, so that what is read is complete.
    fn is_final(&self) -> bool;

    /// Returns the number of rows of a table.
    ///
    /// # Errors
    /// Failures of the store.
    fn count(&mut self, table: &'static Table) -> Result<u64, Failure>;

    /// Returns the rows after a key, in the order of keys: at most `limit`, and at least one unless there are none.
    ///
    /// # Errors
    /// Failures of the store.
    fn next(
        &mut self,
        table: &'static Table,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Batch, Failure>;

    /// Returns the end of the log, and the highest ids.
    ///
    /// # Errors
    /// Failures of the store.
    fn end(&mut self) -> Result<End, Failure>;
}

/// The store that rows are written to. No server uses it before it is finished.
pub trait Target {
    /// Returns the digest of the rows in a range.
    ///
    /// # Errors
    /// Failures of the store.
    fn digest(&mut self, table: &'static Table, range: Range<'_>) -> Result<Digest, Failure>;

    /// Replaces the rows in a range by these, all or nothing. May delete rows after the range that are in conflict with
    /// them: these are written next.
    ///
    /// # Errors
    /// Failures of the store.
    fn replace(&mut self, table: &'static Table, range: Range<'_>, rows: &[Row]) -> Result<(), Failure>;

    /// Marks the store as complete: a server may use it from now on, and goes on where the source has ended.
    ///
    /// # Errors
    /// Failures of the store.
    fn finish(&mut self, end: &End) -> Result<(), Failure>;
}

/// Progress of a transfer.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Whether the rows are being read back, after all have been copied.
    pub is_check: bool,
    /// The present table.
    pub table: &'static str,
    /// Number of its rows that are done.
    pub done: u64,
    /// Number of its rows.
    pub rows: u64,
}

/// The result for one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub table: &'static str,
    /// Number of rows that were written, including unchanged rows of the same range.
    pub copied: u64,
    /// Digest of all its rows.
    pub digest: Digest,
}

/// The result of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The tables, in the order in which they were copied.
    pub tables: Vec<Moved>,
    /// Number of texts with characters that the target cannot store and that were replaced.
    pub mended: u64,
    /// Whether the target is complete, was read back and is ready for a server.
    pub is_finished: bool,
}

/// Makes the target equal to the source. If the source is at rest, everything is read back and the target is finished.
///
/// # Errors
/// Failures of the stores, and rows that differ. The transfer can be run again, and continues where it was.
pub fn transfer(
    source: &mut impl Source,
    target: &mut impl Target,
    watch: &mut impl FnMut(Progress),
) -> Result<Summary, TransferError> {
    let mut summary = Summary { tables: Vec::new(), mended: 0, is_finished: false };
    for table in &TABLES {
        let (moved, mended) = Pass { source, target, table, may_write: true }.run(watch)?;
        summary.tables.push(moved);
        summary.mended += mended;
    }
    if source.is_final() {
        for table in &TABLES {
            Pass { source, target, table, may_write: false }.run(watch)?;
        }
        let end = source.end().map_err(TransferError::Source)?;
        target.finish(&end).map_err(TransferError::Target)?;
        summary.is_finished = true;
    }
    Ok(summary)
}

/// One pass over a table, which either makes it equal or checks that it is.
struct Pass<'a, S, T> {
    source: &'a mut S,
    target: &'a mut T,
    table: &'static Table,
    may_write: bool,
}

impl<S: Source, T: Target> Pass<'_, S, T> {
    /// Returns the result for the table, and how many of its texts were mended.
    fn run(mut self, watch: &mut impl FnMut(Progress)) -> Result<(Moved, u64), TransferError> {
        let table = self.table;
        let rows = self.source.count(table).map_err(TransferError::Source)?;
        let mut moved = Moved { table: table.name, copied: 0, digest: Digest::default() };
        let (mut mended, mut last) = (0, None::<Vec<Value>>);
        let is_check = !self.may_write;
        let mut report = |done| watch(Progress { is_check, table: table.name, done, rows });
        report(0);
        loop {
            let batch = self.source.next(table, last.as_deref(), ROWS).map_err(TransferError::Source)?;
            if batch.has_mended_key {
                return Err(TransferError::Key(table.name));
            }
            let upto = batch.rows.last().map(|row| table.key_of(row).to_vec());
            let range = Range { after: last.as_deref(), upto: upto.as_deref() };
            let digest = Digest::of(&batch.rows);
            if self.settle(range, &batch.rows, digest)? {
                moved.copied += digest.rows;
            }
            moved.digest.add(digest);
            mended += batch.n_mended;
            // A range without rows covers what comes after the last row of all.
            let Some(upto) = upto else { return Ok((moved, mended)) };
            last = Some(upto);
            report(moved.digest.rows);
        }
    }

    /// Ensures that the target has these rows in a range; returns whether it had to be written.
    fn settle(&mut self, range: Range<'_>, rows: &[Row], wanted: Digest) -> Result<bool, TransferError> {
        let found = self.target.digest(self.table, range).map_err(TransferError::Target)?;
        if found == wanted {
            return Ok(false);
        }
        if !self.may_write {
            return Err(TransferError::Differs(self.table.name));
        }
        self.target.replace(self.table, range, rows).map_err(TransferError::Target)?;
        failpoints::pass("in_transfer");
        Ok(true)
    }
}
