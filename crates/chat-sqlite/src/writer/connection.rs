//! The one connection that writes, and how it is set.

use std::path::Path;
use std::time::Duration;

use chat_core::failpoints;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

const CACHE_KIB: i64 = 64 * 1024;
/// How long a batch waits for somebody else's lock.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Opens a database that is there.
pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // One that is not there is not made: what was served before is looked for.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.set_prepared_statement_cache_capacity(128);
    // Else a statement is prepared anew whenever its parameters differ from those it was first planned for.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = if failpoints::is_broken("sync_normal") { "NORMAL" } else { "FULL" };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    forget_what_is_deleted(&connection)?;
    // The checkpointer does it, on a connection of its own.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

/// What is deleted is overwritten, rather than left in space that is free for others.
pub(crate) fn forget_what_is_deleted(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "secure_delete", "ON")
}
