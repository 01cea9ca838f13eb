//! The readers of a database that may be served meanwhile, for the operator. Nothing in here is called by a server, and what
//! only reads holds up none: it takes the log's row only where the feed lacks what old nodes have written.

use chat_core::feed::{self, Desk, Page, Progress, Reader, ReaderName, Start};
use chat_core::sync::Cursor;
use chat_core::{Error, Result};

use super::{Rows, lacks_entries, snapshot};
use crate::connect::Address;
use crate::db::Db;
use crate::error::OpenError;
use crate::lineage::Lineage;
use crate::open::{Options, connect};
use crate::tx::Tx;
use crate::{fault, home, schema, transfer};

/// How long a call waits for the log's row.
const LOCK_WAIT_MS: u32 = 5000;

/// A session of its own with the database.
pub struct FeedDesk(Db);

impl FeedDesk {
    /// Reaches the database.
    ///
    /// # Errors
    /// If it cannot be reached, is none of ours, or one of another release.
    pub fn open(options: &Options) -> std::result::Result<Self, OpenError> {
        let address = Address::parse(&options.url)?.called("chatserver-readers");
        let (db, name) = (connect(&address)?, address.describe());
        home::look_in(&db, options, &name)?;
        schema::check(&db, &name)?;
        if transfer::source_of(&db)?.is_some() {
            return Err(OpenError::Unfinished(name));
        }
        // A database that was restored or has gone back is another log, even if no node has seen it yet.
        Lineage::begin(&db)?;
        Ok(Self(db))
    }

    /// In a transaction that has the log to itself, so that what nodes of the release before have written is in the feed.
    fn within<T>(&self, work: impl FnOnce(&Tx<'_>) -> fault::Result<T>) -> fault::Result<T> {
        let work = || {
            let tx = Tx::begin(&self.0, LOCK_WAIT_MS)?;
            let done = work(&tx)?;
            tx.commit()?;
            Ok(done)
        };
        let done = work();
        if done.is_err() && self.0.batch("ROLLBACK").is_err() {
            self.0.give_up();
        }
        done
    }

    /// In a snapshot, with the entries of what nodes of the release before have written.
    fn read<T>(&self, read: impl FnOnce(&Rows<'_, &Db>) -> fault::Result<T>) -> fault::Result<T> {
        if lacks_entries(&self.0)? {
            self.within(|_| Ok(()))?;
        }
        snapshot(&self.0, read)
    }
}

impl Desk for FeedDesk {
    fn add(&mut self, name: ReaderName, start: Start) -> Result<Reader> {
        self.within(|tx| feed::add(&Rows(tx), name, start, tx.began_at())).map_err(Error::from)
    }

    fn remove(&mut self, name: &ReaderName) -> Result<()> {
        self.within(|tx| feed::remove(&Rows(tx), name)).map_err(Error::from)
    }

    fn list(&mut self) -> Result<Vec<Progress>> {
        self.read(|rows| feed::list(rows)).map_err(Error::from)
    }

    fn page(&mut self, name: &ReaderName, limit: u16) -> Result<Page> {
        self.read(|rows| feed::page(rows, name, limit)).map_err(Error::from)
    }

    fn acknowledge(&mut self, name: &ReaderName, up_to: Cursor) -> Result<Reader> {
        self.within(|tx| feed::acknowledge(&Rows(tx), name, up_to)).map_err(Error::from)
    }
}
