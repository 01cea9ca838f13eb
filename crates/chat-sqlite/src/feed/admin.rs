//! The operator's access to the feed's readers in a file, which may be served at the same time. No server calls this
//! module.
//!
//! A file that a server would refuse is refused here too, and keeps its bytes and its write-ahead log (WAL): reading
//! or writing it would concern a log that no client knows. Listing and reading take no lock and write nothing. Writing
//! holds the lock if no server does, and keeps a WAL that was there: the WAL of a killed server stays for its next
//! start.

use std::path::Path;
use std::time::Duration;

use chat_core::feed::{self, Page, Progress, Reader, ReaderAdmin, ReaderName, Start};
use chat_core::sync::Cursor;
use chat_core::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use super::{Rows, now};
use crate::error::OpenError;
use crate::location::check_names;
use crate::lock::{self, Lock};
use crate::open::{check_file, followed, is_filled, with_suffix};
use crate::transfer::check_version;
use crate::writer::enable_secure_delete;
use crate::{fault, reader, served};

/// How long to wait for the server's writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// A file, open for reading or for writing.
pub struct FeedAdmin {
    connection: Connection,
    /// Set if the file is open for writing and no server has it. Declared after the connection, which must be closed
    /// first.
    _lock: Option<Lock>,
}

impl FeedAdmin {
    /// Opens the file to list readers and to read the feed. Nothing is written, and calls that write fail.
    ///
    /// # Errors
    /// If the file is not a database of ours, is of another release, or would be refused by a server.
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

    /// Opens the file for all calls, next to the server that has it or instead of one. A server that starts meanwhile
    /// waits until this is dropped, so drop it soon.
    ///
    /// # Errors
    /// As [`Self::reading`], and if the file cannot be written.
    pub fn writing(path: &Path) -> std::result::Result<Self, OpenError> {
        // This check keeps the lock file from being created beside another program's file. The check is closed before
        // the lock opens the file again.
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
            // A file that had no WAL before has none afterwards.
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

/// Writes are as durable as the server's. The file keeps its journal mode, and only the server empties the WAL.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = served::connect(path)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    enable_secure_delete(&connection)?;
    Ok(connection)
}

impl ReaderAdmin for FeedAdmin {
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
