//! The readers of a file that may be served meanwhile, for the operator. Nothing in here is called by a server.
//!
//! A file that a server would refuse is refused here too, and keeps its bytes and its log: what is read from it, or
//! written to it, would be of no log that clients know. Listing and reading take no lock and write nothing. What writes
//! holds the lock where no server does, and leaves a log where there was one: that of a killed server stays for its next
//! start.

use std::path::Path;
use std::time::Duration;

use chat_core::feed::{self, Desk, Page, Progress, Reader, ReaderName, Start};
use chat_core::sync::Cursor;
use chat_core::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use super::{Rows, now};
use crate::error::OpenError;
use crate::lock::{self, Lock};
use crate::open::{check_file, followed, is_filled, with_suffix};
use crate::place::check_names;
use crate::transfer::check_version;
use crate::writer::forget_what_is_deleted;
use crate::{fault, reader, served};

/// How long the server's writes are waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// A file, open for reading or for writing.
pub struct FeedDesk {
    connection: Connection,
    /// Where the file is open for writing and no server has it. Below the connection, which has to be closed first.
    _lock: Option<Lock>,
}

impl FeedDesk {
    /// Opens the file to list readers and to read. Nothing is written, and what writes fails.
    ///
    /// # Errors
    /// If it is no database of ours, one of another release, or one that no server would serve as it is.
    pub fn reading(path: &Path) -> std::result::Result<Self, OpenError> {
        let path = followed(path);
        if !check_file(&path)? {
            return Err(OpenError::Missing(path));
        }
        check_names(&path)?;
        let has_log = has_log(&path);
        served::check_log(&path, &lock::known(&path), has_log)?;
        let connection = reader::connect(&path).map_err(|error| OpenError::of(&path, error))?;
        check(&path, &connection, has_log)?;
        Ok(Self { connection, _lock: None })
    }

    /// Opens the file to do anything with its readers, beside the server that has it or in place of one. A server that
    /// starts meanwhile waits until this is dropped, which should be soon.
    ///
    /// # Errors
    /// As [`Self::reading`], and if it cannot be written.
    pub fn writing(path: &Path) -> std::result::Result<Self, OpenError> {
        // Nothing is made beside another program's file. Closed before the lock opens the file once more.
        drop(Self::reading(path)?);
        let path = followed(path);
        let lock = match Lock::of(&path) {
            Ok(lock) => Some(lock),
            Err(OpenError::InUse(_)) => None,
            Err(error) => return Err(error),
        };
        let has_log = has_log(&path);
        served::check_log(&path, &lock::known(&path), has_log)?;
        let sql_error = |error| OpenError::of(&path, error);
        let connection = connect(&path).map_err(sql_error)?;
        check(&path, &connection, has_log)?;
        if lock.is_some() && !has_log {
            // A file that was whole without a log is so afterwards.
            let keeps_log = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            connection.set_db_config(keeps_log, false).map_err(sql_error)?;
        }
        Ok(Self { connection, _lock: lock })
    }

    fn within<T>(
        &mut self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Rows<'_>) -> fault::Result<T>,
    ) -> Result<T> {
        let work = || -> fault::Result<T> {
            let transaction = self.connection.transaction_with_behavior(behavior)?;
            let done = work(&Rows(&transaction))?;
            transaction.commit()?;
            Ok(done)
        };
        work().map_err(Error::from)
    }
}

fn has_log(path: &Path) -> bool {
    is_filled(&with_suffix(path, "-wal"))
}

fn check(path: &Path, connection: &Connection, has_log: bool) -> std::result::Result<(), OpenError> {
    check_version(connection, path).map_err(|error| match error {
        OpenError::Outdated(path) => OpenError::Older(path),
        other => other,
    })?;
    served::check_name(path, connection, has_log)
}

/// As durable as the server's own writes. The journal is the one that the file has, and the log is the server's to empty.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = served::connect(path)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    forget_what_is_deleted(&connection)?;
    Ok(connection)
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
