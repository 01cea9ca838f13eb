//! The schema's versions and the way from each to the next. A released migration is never edited.

use rusqlite::Connection;

/// `application_id` of our files: "Chat" in ASCII.
const APPLICATION: i64 = 0x4368_6174;
/// The migrations in order; the schema's version is how many of them a file has.
const MIGRATIONS: [&str; 1] = [include_str!("../migrations/0001_initial.sql")];
/// The newest version that this release knows.
pub(crate) const VERSION: i64 = 1;

/// What a file turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Ours and up to date.
    Current,
    /// Ours, with so many migrations.
    Older(i64),
    /// Of a later release.
    Newer(i64),
    /// Of another program.
    Foreign,
}

pub(crate) fn recognise(connection: &Connection) -> rusqlite::Result<Found> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    Ok(match version {
        _ if application != APPLICATION => Found::Foreign,
        VERSION => Found::Current,
        version if version < VERSION => Found::Older(version),
        _ => Found::Newer(version),
    })
}

/// Makes the tables of an empty file.
pub(crate) fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    migrate(connection, 0)
}

/// Applies what is missing after `version`, all or nothing.
pub(crate) fn migrate(connection: &mut Connection, version: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive)?;
    let done = usize::try_from(version).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
