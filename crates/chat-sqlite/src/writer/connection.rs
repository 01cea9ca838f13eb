//! The connection that writes, and its settings.

use std::path::Path;
use std::time::Duration;

use chat_core::failpoints;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

const CACHE_KIB: i64 = 64 * 1024;
/// How long a batch waits for somebody else's lock.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Opens an existing database.
pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // A missing file must not be created: the operator looks for the one that was served before.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.set_prepared_statement_cache_capacity(128);
    // Otherwise, SQLite prepares a statement again whenever its parameters differ from those of its first plan.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = if failpoints::is_broken("sync_normal") { "NORMAL" } else { "FULL" };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    enable_secure_delete(&connection)?;
    // The checkpointer does that, on its own connection.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

/// Makes SQLite overwrite deleted data, instead of leaving it in free space.
pub(crate) fn enable_secure_delete(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "secure_delete", "ON")
}
