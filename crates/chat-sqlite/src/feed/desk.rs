//! The readers of a file that may be served meanwhile, for the operator. Nothing in here is called by a server.

use std::path::Path;

use chat_core::feed::{self, Desk, Page, Progress, Reader, ReaderName, Start};
use chat_core::sync::Cursor;
use chat_core::{Error, Result};
use rusqlite::{Connection, TransactionBehavior};

use super::{Rows, now};
use crate::error::OpenError;
use crate::open::{check_file, followed};
use crate::place::check_names;
use crate::transfer::check_version;
use crate::{fault, writer};

/// A file, open for writing.
pub struct FeedDesk(Connection);

impl FeedDesk {
    /// Opens the file.
    ///
    /// # Errors
    /// If it is no database of ours, or one of another release.
    pub fn open(path: &Path) -> std::result::Result<Self, OpenError> {
        let path = followed(path);
        if !check_file(&path)? {
            return Err(OpenError::Missing(path));
        }
        check_names(&path)?;
        let connection = writer::connect(&path).map_err(|error| OpenError::of(&path, error))?;
        check_version(&connection, &path).map_err(|error| match error {
            OpenError::Outdated(path) => OpenError::Older(path),
            other => other,
        })?;
        Ok(Self(connection))
    }

    fn within<T>(
        &mut self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Rows<'_>) -> fault::Result<T>,
    ) -> Result<T> {
        let work = || -> fault::Result<T> {
            let transaction = self.0.transaction_with_behavior(behavior)?;
            let done = work(&Rows(&transaction))?;
            transaction.commit()?;
            Ok(done)
        };
        work().map_err(Error::from)
    }
}

impl Desk for FeedDesk {
    fn add(&mut self, name: ReaderName, start: Start) -> Result<Reader> {
        self.within(TransactionBehavior::Immediate, |rows| feed::add(rows, name, start, now(rows.0)?))
    }

    fn remove(&mut self, name: &ReaderName) -> Result<()> {
        self.within(TransactionBehavior::Immediate, |rows| feed::remove(rows, name))
    }

    fn list(&mut self) -> Result<Vec<Progress>> {
        self.within(TransactionBehavior::Deferred, |rows| feed::list(rows))
    }

    fn page(&mut self, name: &ReaderName, limit: u16) -> Result<Page> {
        self.within(TransactionBehavior::Deferred, |rows| feed::page(rows, name, limit))
    }

    fn acknowledge(&mut self, name: &ReaderName, up_to: Cursor) -> Result<Reader> {
        self.within(TransactionBehavior::Immediate, |rows| feed::acknowledge(rows, name, up_to))
    }
}
