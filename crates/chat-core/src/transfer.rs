//! Moving everything from one store into another: `rsync` for tables.
//!
//! The source's rows are taken in ranges, in the order of their keys. A range whose checksum the target has already is
//! skipped, any other is replaced as a whole. So a transfer that was interrupted, or whose source has changed since, is
//! simply made again, and there is no state to lose. What is moved stands in `transfer/tables.rs`. No driver may be used
//! here: stores take part through [`Source`] and [`Target`].

mod tables;
mod value;

#[cfg(test)]
mod tests;

pub use tables::{Column, Kind, TABLES, Table};
pub use value::{Batch, Digest, Row, Value, mended};

use crate::failpoints;
use crate::ids::Position;
use crate::sync::Epoch;

/// Rows of a range: enough for a transaction to be worth its cost, and few enough for one change to cost little.
pub const ROWS: usize = 5000;

/// What a store says when it fails.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Why a transfer ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The source failed.
    #[error("cannot read the source: {0}")]
    Source(#[source] Failure),
    /// The target failed.
    #[error("cannot write the target: {0}")]
    Target(#[source] Failure),
    /// A row cannot have the same key at the target.
    #[error("a row of {0} has the character U+0000 in its key, which the target cannot store")]
    Key(&'static str),
    /// The target gives other rows than it was given.
    #[error(
        "the rows of {0} differ at the target; make sure that nothing else writes there, and run this again"
    )]
    Differs(&'static str),
}

/// The rows with keys after one and up to another; no bound is none.
#[derive(Debug, Clone, Copy)]
pub struct Range<'a> {
    /// The last key before it.
    pub after: Option<&'a [Value]>,
    /// Its last key.
    pub upto: Option<&'a [Value]>,
}

/// The end of the source's log, and the highest ids that it has given out, whether or not their rows are there still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Which log it is.
    pub epoch: Epoch,
    /// Its end.
    pub position: Position,
    /// The place after which the feed has every change, if anybody reads it.
    pub feed_from: Position,
    /// Of messages.
    pub messages: i64,
    /// Of users.
    pub users: i64,
    /// Of conversations.
    pub conversations: i64,
    /// Of groups.
    pub groups: i64,
}

/// Where rows come from. All calls see the same state of the store.
pub trait Source {
    /// Whether nobody can write to the store meanwhile, so that what is read is all that there will be.
    fn is_at_rest(&self) -> bool;

    /// How many rows a table has.
    ///
    /// # Errors
    /// If the store fails.
    fn count(&mut self, table: &'static Table) -> Result<u64, Failure>;

    /// The rows after a key, in the order of keys. At most so many, and at least one unless there are none.
    ///
    /// # Errors
    /// If the store fails.
    fn next(
        &mut self,
        table: &'static Table,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Batch, Failure>;

    /// The end of the log, and the highest ids.
    ///
    /// # Errors
    /// If the store fails.
    fn end(&mut self) -> Result<End, Failure>;
}

/// Where rows go. Until it is finished, nobody serves it.
pub trait Target {
    /// What of the rows in a range can be compared.
    ///
    /// # Errors
    /// If the store fails.
    fn digest(&mut self, table: &'static Table, range: Range<'_>) -> Result<Digest, Failure>;

    /// Puts these rows in the place of those in a range, all or nothing. Rows behind the range that are in their way may
    /// go too: it is their turn next.
    ///
    /// # Errors
    /// If the store fails.
    fn replace(&mut self, table: &'static Table, range: Range<'_>, rows: &[Row]) -> Result<(), Failure>;

    /// Everything is there: from now on the store may be served, and goes on where the source has ended.
    ///
    /// # Errors
    /// If the store fails.
    fn finish(&mut self, end: &End) -> Result<(), Failure>;
}

/// How far a transfer has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Whether rows are read back, after all have been copied.
    pub is_check: bool,
    /// The table that it is at.
    pub table: &'static str,
    /// Rows of it that are done.
    pub done: u64,
    /// Rows that it has.
    pub rows: u64,
}

/// What became of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The table.
    pub table: &'static str,
    /// Rows that had to be written, with those of the same range.
    pub copied: u64,
    /// Its rows.
    pub digest: Digest,
}

/// What became of everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The tables, in order.
    pub tables: Vec<Moved>,
    /// Texts with something in them that the target cannot hold, which was replaced.
    pub mended: u64,
    /// Whether the target is whole, read back and ready to be served.
    pub is_finished: bool,
}

/// Makes the target equal to the source. If the source is at rest, everything is read back and the target is finished.
///
/// # Errors
/// If a store fails; the transfer can be made again, and goes on where it was.
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
    if source.is_at_rest() {
        for table in &TABLES {
            Pass { source, target, table, may_write: false }.run(watch)?;
        }
        let end = source.end().map_err(TransferError::Source)?;
        target.finish(&end).map_err(TransferError::Target)?;
        summary.is_finished = true;
    }
    Ok(summary)
}

/// One way through a table, which is either to make it equal or to see that it is.
struct Pass<'a, S, T> {
    source: &'a mut S,
    target: &'a mut T,
    table: &'static Table,
    may_write: bool,
}

impl<S: Source, T: Target> Pass<'_, S, T> {
    /// What became of the table, and how many of its texts were mended.
    fn run(mut self, watch: &mut impl FnMut(Progress)) -> Result<(Moved, u64), TransferError> {
        let table = self.table;
        let rows = self.source.count(table).map_err(TransferError::Source)?;
        let mut moved = Moved { table: table.name, copied: 0, digest: Digest::default() };
        let (mut mended, mut last) = (0, None::<Vec<Value>>);
        let is_check = !self.may_write;
        let mut tell = |done| watch(Progress { is_check, table: table.name, done, rows });
        tell(0);
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
            // What comes after the last row of all was settled as a range without rows.
            let Some(upto) = upto else { return Ok((moved, mended)) };
            last = Some(upto);
            tell(moved.digest.rows);
        }
    }

    /// Sees to it that the target has these rows in a range; tells whether it had to be written to.
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
