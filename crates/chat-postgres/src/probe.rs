//! Finding out whether a message could be stored now: something small is stored as durably as a message is, and beside
//! it room is taken on the database's disk for a moment, since what is there already can be written to on a full one, too.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chat_core::error::Obstacle;
use chat_core::{Error, Result};
use tokio_postgres::error::SqlState;

use crate::db::Db;
use crate::fault::{self, Fault};
use crate::reader::Readers;
use crate::writer::Tx;

/// After a write was refused for want of room, for how long others may be, though there is room for what is asked here;
/// unless one succeeds.
const REFUSED: Duration = Duration::from_secs(1);
/// How long a reader is waited for: that all of them are busy says nothing of writes.
const PATIENCE: Duration = Duration::from_millis(700);

/// Stores something that differs from what is there.
pub(crate) fn write(tx: &Tx<'_>) -> fault::Result<()> {
    tx.execute("UPDATE log SET probed_at = greatest(probed_at + 1, extract(epoch FROM now())::bigint)", &[])?;
    Ok(())
}

/// Refuses if the database's disk is full.
pub(crate) async fn room(readers: &Readers) -> Result<()> {
    match tokio::time::timeout(PATIENCE, readers.try_out(take_room)).await {
        Ok(Err(full @ Error::Obstructed(Obstacle::Full))) => Err(full),
        // Of everything else the write has to say more.
        _ => Ok(()),
    }
}

/// Has the database write a temporary file beside its tables, a hundred kilobytes long, and delete it.
fn take_room(db: &Db) -> fault::Result<()> {
    let sql = "SELECT count(*) FROM (SELECT set_config('work_mem', '64kB', true) AS memory OFFSET 0) little,
               LATERAL generate_series(1, 8000 + 0 * length(memory))";
    match db.row(sql, &[]) {
        Err(Fault::Sql(error)) if error.code() == Some(&SqlState::CONFIGURATION_LIMIT_EXCEEDED) => Ok(()),
        found => found.map(drop),
    }
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
