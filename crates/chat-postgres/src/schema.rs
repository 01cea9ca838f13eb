//! The schema's versions and the way from each to the next. A released migration is never edited.
//!
//! Nodes of two releases may work on one database while they are replaced one after the other. So a migration only adds;
//! what an older release still needs is taken away by a later one, which says from which version on releases work with it.

use std::time::Duration;

use chat_core::failpoints;

use crate::db::Db;
use crate::error::OpenError;
use crate::fault::{Fault, Result};
use crate::fitness;
use crate::home::{self, Home};
use crate::open::Options;

/// The migrations in order, each with the oldest version whose release works with the schema that it leaves.
const MIGRATIONS: [(&str, i64); 2] = [
    (include_str!("../migrations/0001_initial.sql"), 1),
    (include_str!("../migrations/0002_open_ground.sql"), 1),
];
/// The newest version that this release knows.
pub(crate) const VERSION: i64 = 2;
/// How long a statement of a migration may take, the wait for another node's included.
const PATIENCE: Duration = Duration::from_secs(600);
/// Nodes that start at the same time migrate one after the other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7161120384015725) IS NULL";

/// Finds or makes the schema, brings its tables up to date, and lets the session find them.
pub(crate) fn migrate(db: &Db, options: &Options, name: &str) -> std::result::Result<Home, OpenError> {
    // Another node may be at it, and large tables take their time.
    db.be_patient(PATIENCE);
    db.batch("BEGIN; SET LOCAL lock_timeout = '5min'; SET LOCAL statement_timeout = 0")?;
    let migrated = lock_and_migrate(db, options, name);
    db.batch(if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    migrated
}

fn lock_and_migrate(db: &Db, options: &Options, name: &str) -> std::result::Result<Home, OpenError> {
    db.row(LOCK, &[])?;
    let home = home::find(db, options, name)?;
    fitness::of_encoding(db, name, home.is_new)?;
    fitness::of_schema(db, name, &home.schema, home.is_new)?;
    if let Some(path) = home.path() {
        db.batch(&path)?;
    }
    bring_up_to_date(db, home.is_new)
        .map_err(|error| fitness::or_may_not_migrate(error, name, &home.schema))?;
    home.keep_earlier_releases_out(db, VERSION)?;
    Ok(home)
}

fn bring_up_to_date(db: &Db, is_new: bool) -> std::result::Result<(), OpenError> {
    // Where it is there, whoever may only read and write is not to be refused for asking.
    if is_new {
        db.batch(
            "CREATE TABLE IF NOT EXISTS schema_version (
                 only_row bigint PRIMARY KEY CHECK (only_row = 1), version bigint NOT NULL, works_from bigint NOT NULL)",
        )?;
    }
    let found = db.opt("SELECT version, works_from FROM schema_version", &[])?;
    let (version, works_from) = match &found {
        Some(row) => (row.try_get(0).map_err(unreadable)?, row.try_get(1).map_err(unreadable)?),
        None => (0_i64, 0_i64),
    };
    if works_from > VERSION {
        return Err(OpenError::Newer { version, known: VERSION });
    }
    if version < VERSION {
        apply(db, version)?;
    }
    Ok(())
}

/// Refuses a database that is not of this release, where it is not to be brought up to date.
pub(crate) fn check(db: &Db, name: &str) -> std::result::Result<(), OpenError> {
    let row = db.row("SELECT version FROM schema_version", &[])?;
    match row.try_get::<_, i64>(0).map_err(unreadable)? {
        version if version < VERSION => Err(OpenError::Outdated(name.into())),
        version if version > VERSION => Err(OpenError::Newer { version, known: VERSION }),
        _ => Ok(()),
    }
}

fn unreadable(error: tokio_postgres::Error) -> OpenError {
    Fault::from(error).into()
}

fn apply(db: &Db, version: i64) -> Result<()> {
    let mut works_from = VERSION;
    for (migration, from) in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        db.batch(migration)?;
        works_from = *from;
    }
    failpoints::pass("in_migration");
    let sql = "INSERT INTO schema_version VALUES (1, $1, $2)
               ON CONFLICT (only_row) DO UPDATE SET version = excluded.version, works_from = excluded.works_from";
    db.execute(sql, &[&VERSION, &works_from]).map(drop)
}
