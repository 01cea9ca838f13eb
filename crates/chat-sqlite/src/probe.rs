//! Finding out whether a message could be stored now. What a message takes is written to the log, and taken back before
//! it counts, so that nothing grows and the room is there for the next message; then something small is stored as durably
//! as a message is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chat_core::error::Obstacle;
use chat_core::{Error, Result};
use rusqlite::Connection;

use crate::fault;
use crate::writer::Tx;

/// After a write was refused for want of room, for how long others may be, though there is room for what is asked here;
/// unless one succeeds.
const REFUSED: Duration = Duration::from_secs(1);

/// Writes as much to the log as a message takes, and takes it back. Each value differs from the one before: SQLite does
/// not write a page that stays as it is.
pub(crate) fn take_room(connection: &Connection) -> rusqlite::Result<()> {
    let execute = |sql| connection.prepare_cached(sql)?.execute(()).map(drop);
    execute("BEGIN IMMEDIATE")?;
    // Else the pages would be in memory until the commit, and gone before it.
    let written = execute("UPDATE probe SET count = count + 1").and_then(|()| connection.cache_flush());
    let taken_back = execute("ROLLBACK");
    written.and(taken_back)
}

/// Stores something that differs from what is there.
pub(crate) fn write(tx: &Tx<'_>) -> fault::Result<()> {
    let sql = "UPDATE log SET probed_at = max(probed_at + 1, unixepoch()) WHERE only_row = 1";
    tx.prepare_cached(sql)?.execute(())?;
    Ok(())
}

/// Remembers when the last write was refused for want of room.
#[derive(Debug, Default)]
pub(crate) struct Room {
    is_short: AtomicBool,
    refused: Mutex<Option<Instant>>,
}

impl Room {
    /// Looks at what became of a write.
    pub(crate) fn note<T>(&self, written: &Result<T>) {
        match written {
            Err(Error::Obstructed(Obstacle::Full)) => {
                *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                self.is_short.store(true, Ordering::Release);
            }
            // Nearly always, so no lock is taken for it.
            Ok(_) if self.is_short.load(Ordering::Relaxed) => self.is_short.store(false, Ordering::Release),
            _ => {}
        }
    }

    /// Refuses where the last write was refused a moment ago.
    pub(crate) fn check(&self) -> Result<()> {
        let refused = *self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_short.load(Ordering::Acquire) && refused.is_some_and(|at| at.elapsed() < REFUSED) {
            return Err(Error::Obstructed(Obstacle::Full));
        }
        Ok(())
    }
}
