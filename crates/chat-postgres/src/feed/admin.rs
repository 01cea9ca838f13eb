//! The operator's access to the feed's readers of a database that may be served meanwhile. No server calls
//! anything here. Reads hold up no server: they lock the log's row only if the feed lacks the changes of old
//! nodes.

use chat_core::feed::{self, Page, Progress, Reader, ReaderAdmin, ReaderName, Start};
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

/// Upper bound for the time that a call waits for the log's row, in milliseconds.
const LOCK_WAIT_MS: u32 = 5000;

/// A separate session with the database.
pub struct FeedAdmin(Db);

impl FeedAdmin {
    /// Connects to the database.
    ///
    /// # Errors
    /// If it cannot be reached, has no ChatServer tables, or is of another release.
    pub fn open(options: &Options) -> std::result::Result<Self, OpenError> {
        let address = Address::parse(&options.url)?.with_application_name("chatserver-readers");
        let (db, name) = (connect(&address)?, address.describe());
        home::use_existing(&db, options, &name)?;
        schema::check(&db, &name)?;
        if transfer::source_of(&db)?.is_some() {
            return Err(OpenError::Unfinished(name));
        }
        // A database that was restored or went back in time is another log, even if no node has noticed yet.
        Lineage::begin(&db)?;
        Ok(Self(db))
    }

    /// Runs in a transaction that holds the log's lock, so that the feed contains the changes of nodes of the
    /// previous release.
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

    /// Runs in a snapshot, after making the entries of nodes of the previous release.
    fn read<T>(&self, read: impl FnOnce(&Rows<'_, &Db>) -> fault::Result<T>) -> fault::Result<T> {
        if lacks_entries(&self.0)? {
            self.within(|_| Ok(()))?;
        }
        snapshot(&self.0, read)
    }
}

impl ReaderAdmin for FeedAdmin {
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
