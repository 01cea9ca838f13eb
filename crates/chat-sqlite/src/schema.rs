//! The versions of the schema, and the migration from each to the next. Never edit a released migration.

use chat_core::failpoints;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::{legacy, names};

/// `application_id` of our files: "Chat" in ASCII.
const APPLICATION: i64 = 0x4368_6174;
/// `application_id` of a backup: "ChaB".
const BACKUP: i64 = 0x4368_6142;
/// The migrations in order. A file's schema version is the number of migrations applied to it.
const MIGRATIONS: [&str; 3] = [
    include_str!("../migrations/0001_initial.sql"),
    include_str!("../migrations/0002_stream.sql"),
    include_str!("../migrations/0003_open_ground.sql"),
];
/// Newest schema version that this release knows.
pub(crate) const VERSION: i64 = 3;

/// Kinds of files.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Our database, up to date.
    Current,
    /// Our database, with this number of migrations.
    Older(i64),
    /// Written by a later release.
    Newer(i64),
    /// A backup, which no server serves unchanged.
    Backup,
    /// Written by the earlier Go server.
    Legacy,
    /// Written by another program.
    Foreign,
}

pub(crate) fn recognise(connection: &Connection) -> rusqlite::Result<Found> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    Ok(match version {
        _ if application == 0 && legacy::is_legacy(connection)? => Found::Legacy,
        _ if application == BACKUP => Found::Backup,
        _ if application != APPLICATION => Found::Foreign,
        VERSION => Found::Current,
        version if version < VERSION => Found::Older(version),
        _ => Found::Newer(version),
    })
}

/// Applies the migrations after `version`, all or nothing. An empty file has version 0.
pub(crate) fn migrate(connection: &mut Connection, version: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    apply(&transaction, usize::try_from(version).unwrap_or(0))?;
    transaction.commit()
}

/// Creates the tables of the first version, into which an earlier server's data is copied; [`finish`] migrates them.
/// This way, the copying code does not depend on later versions.
pub(crate) fn create_first(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(MIGRATIONS[0])
}

/// Applies the migrations after [`create_first`].
pub(crate) fn finish(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    apply(transaction, 1)
}

fn apply(transaction: &Transaction<'_>, done: usize) -> rusqlite::Result<()> {
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(migration)?;
    }
    names::catch_up(transaction)?;
    failpoints::pass("in_migration");
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)
}

/// Turns a copy into a backup that contains the key that signs tokens.
pub(crate) fn make_backup(connection: &Connection, key: Option<&str>) -> rusqlite::Result<()> {
    connection.execute_batch(
        "DROP TABLE IF EXISTS backup; CREATE TABLE backup (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
         INSERT INTO backup VALUES ('made_at', datetime('now'))",
    )?;
    if let Some(key) = key {
        connection.execute("INSERT INTO backup VALUES ('key', ?1)", [key])?;
    }
    connection.pragma_update(None, "application_id", BACKUP)
}

/// Turns a backup into a database again. Returns the key that was in it.
pub(crate) fn make_database(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT value FROM backup WHERE name = 'key'";
    let key = connection.query_row(sql, (), |row| row.get(0)).optional()?;
    // Otherwise, the key would stay readable in a free page.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.execute_batch("DROP TABLE backup")?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    Ok(key)
}

/// Draws a new epoch, which never equals the former one. The first version has no epoch, and gets one by its
/// migration.
pub(crate) fn draw_epoch(connection: &Connection) -> rusqlite::Result<()> {
    let has_one =
        connection.prepare("SELECT 1 FROM pragma_table_info('log') WHERE name = 'epoch'")?.exists(())?;
    if has_one {
        let sql = "UPDATE log SET epoch = (epoch + abs(random() % 4294967294)) % 4294967295 + 1";
        connection.execute(sql, ())?;
    }
    Ok(())
}
