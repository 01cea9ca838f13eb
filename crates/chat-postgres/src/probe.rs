//! Checks whether a message could be stored now. It makes a small write as durable as a message's, and also
//! allocates space on the database's disk for a moment: existing pages can be written even on a full disk.

use std::time::Duration;

use chat_core::error::Obstacle;
use chat_core::{Error, Result};
use tokio_postgres::error::SqlState;

use crate::db::Db;
use crate::fault::{self, Fault};
use crate::reader::Readers;
use crate::tx::Tx;

/// Upper bound for the wait for a reader: that all of them are busy says nothing about writes.
const READER_TIMEOUT: Duration = Duration::from_millis(700);

/// Writes a value that differs from the stored one.
pub(crate) fn write(tx: &Tx<'_>) -> fault::Result<()> {
    tx.execute("UPDATE log SET probed_at = greatest(probed_at + 1, extract(epoch FROM now())::bigint)", &[])?;
    Ok(())
}

/// Returns an error if the database's disk is full.
pub(crate) async fn space(readers: &Readers) -> Result<()> {
    match tokio::time::timeout(READER_TIMEOUT, readers.try_out(allocate_space)).await {
        Ok(Err(full @ Error::Obstructed(Obstacle::Full))) => Err(full),
        // The write reports all other failures better.
        _ => Ok(()),
    }
}

/// Makes the database write a temporary file beside its tables, a hundred kilobytes long, and delete it.
fn allocate_space(db: &Db) -> fault::Result<()> {
    let sql = "SELECT count(*) FROM (SELECT set_config('work_mem', '64kB', true) AS memory OFFSET 0) little,
               LATERAL generate_series(1, 8000 + 0 * length(memory))";
    match db.row(sql, &[]) {
        Err(Fault::Sql(error)) if error.code() == Some(&SqlState::CONFIGURATION_LIMIT_EXCEEDED) => Ok(()),
        found => found.map(drop),
    }
}
