//! Finding out whether a message could be stored now. What a message takes is written to the log, and taken back before
//! it counts, so that nothing grows and the room is there for the next message; then something small is stored as durably
//! as a message is.

use rusqlite::Connection;

use crate::fault;
use crate::writer::Tx;

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
