//! Tests whether a message could be stored now. The probe writes as much to the write-ahead log (WAL) as a message
//! does and rolls it back before it counts, so that nothing grows and the space is there for the next message. Then it
//! stores something small as durably as a message.

use rusqlite::Connection;

use crate::fault;
use crate::writer::Tx;

/// Writes as much to the WAL as a message does, and rolls it back. Each value differs from the last one, because
/// SQLite does not write an unchanged page.
pub(crate) fn take_room(connection: &Connection) -> rusqlite::Result<()> {
    let execute = |sql| connection.prepare_cached(sql)?.execute(()).map(drop);
    execute("BEGIN IMMEDIATE")?;
    // Otherwise, the pages would stay in memory until the rollback, and never reach the WAL.
    let written = execute("UPDATE probe SET count = count + 1").and_then(|()| connection.cache_flush());
    let taken_back = execute("ROLLBACK");
    written.and(taken_back)
}

/// Stores a value that differs from the present one.
pub(crate) fn write(tx: &Tx<'_>) -> fault::Result<()> {
    let sql = "UPDATE log SET probed_at = max(probed_at + 1, unixepoch()) WHERE only_row = 1";
    tx.prepare_cached(sql)?.execute(())?;
    Ok(())
}
