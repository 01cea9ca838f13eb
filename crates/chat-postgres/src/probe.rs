//! Finding out whether a message could be stored now: something small is stored as durably as a message is, and beside
//! it room is taken on the database's disk for a moment, since what is there already can be written to on a full one, too.

use std::time::Duration;

use chat_core::error::Obstacle;
use chat_core::{Error, Result};
use tokio_postgres::error::SqlState;

use crate::db::Db;
use crate::fault::{self, Fault};
use crate::reader::Readers;
use crate::tx::Tx;

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
