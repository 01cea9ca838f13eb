//! The schema's versions and the way from each to the next. A released migration is never edited.

use chat_core::failpoints;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::{legacy, names};

/// `application_id` of our files: "Chat" in ASCII.
const APPLICATION: i64 = 0x4368_6174;
/// `application_id` of a backup: "ChaB".
const BACKUP: i64 = 0x4368_6142;
/// The migrations in order; the schema's version is how many of them a file has.
const MIGRATIONS: [&str; 3] = [
    include_str!("../migrations/0001_initial.sql"),
    include_str!("../migrations/0002_stream.sql"),
    include_str!("../migrations/0003_open_ground.sql"),
];
/// The newest version that this release knows.
pub(crate) const VERSION: i64 = 3;

/// What a file turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Ours and up to date.
    Current,
    /// Ours, with so many migrations.
    Older(i64),
    /// Of a later release.
    Newer(i64),
    /// A backup, which nobody serves as it is.
    Backup,
    /// Of the earlier Go server.
    Legacy,
    /// Of another program.
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

/// Applies what is missing after `version`, all or nothing. An empty file has version 0.
pub(crate) fn migrate(connection: &mut Connection, version: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    apply(&transaction, usize::try_from(version).unwrap_or(0))?;
    transaction.commit()
}

/// Makes the tables as they were at first, for an earlier server's data to be copied into; [`finish`] brings them up
/// to date. So that copying need not change with the schema.
pub(crate) fn create_first(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(MIGRATIONS[0])
}

/// Applies what is missing after [`create_first`].
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

/// Makes a backup of a copy, with the key that signs tokens in it.
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

/// Makes a database of a backup again, and gives the key that was in it.
pub(crate) fn make_database(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT value FROM backup WHERE name = 'key'";
    let key = connection.query_row(sql, (), |row| row.get(0)).optional()?;
    // Else the key would stay readable in a free page.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.execute_batch("DROP TABLE backup")?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    Ok(key)
}

/// Makes another log of it, whatever it was: the same epoch is not drawn again. The first release had none yet, and gets
/// one when it is brought up to date.
pub(crate) fn draw_epoch(connection: &Connection) -> rusqlite::Result<()> {
    let has_one =
        connection.prepare("SELECT 1 FROM pragma_table_info('log') WHERE name = 'epoch'")?.exists(())?;
    if has_one {
        let sql = "UPDATE log SET epoch = (epoch + abs(random() % 4294967294)) % 4294967295 + 1";
        connection.execute(sql, ())?;
    }
    Ok(())
}
