//! The versions of the schema and the migration from each to the next. A released migration is never edited.
//!
//! Nodes of two releases may work on one database while they are replaced one after the other. So a migration
//! only adds. What an older release still needs is removed only by a later migration, which names the oldest
//! version whose release works with it.

use std::time::Duration;

use chat_core::failpoints;

use crate::db::Db;
use crate::error::OpenError;
use crate::fault::{Fault, Result};
use crate::fitness;
use crate::home::{self, HomeSchema};
use crate::open::Options;

/// The migrations in order, each with the oldest version whose release works with the resulting schema.
const MIGRATIONS: [(&str, i64); 2] = [
    (include_str!("../migrations/0001_initial.sql"), 1),
    (include_str!("../migrations/0002_open_ground.sql"), 1),
];
/// The newest version that this release knows.
pub(crate) const VERSION: i64 = 2;
/// Upper bound for a statement of a migration, including the wait for another node's.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(600);
/// Nodes that start at the same time migrate one after the other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7161120384015725) IS NULL";

/// Finds or creates the schema, brings its tables up to date, and lets the session find them.
pub(crate) fn migrate(db: &Db, options: &Options, name: &str) -> std::result::Result<HomeSchema, OpenError> {
    // Another node may be migrating, and large tables take time.
    db.set_statement_timeout(STATEMENT_TIMEOUT);
    db.batch("BEGIN; SET LOCAL lock_timeout = '5min'; SET LOCAL statement_timeout = 0")?;
    let migrated = lock_and_migrate(db, options, name);
    db.batch(if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    migrated
}

fn lock_and_migrate(db: &Db, options: &Options, name: &str) -> std::result::Result<HomeSchema, OpenError> {
    db.row(LOCK, &[])?;
    let home = home::find(db, options, name)?;
    fitness::check_encoding(db, name, home.is_new)?;
    fitness::check_schema(db, name, &home.schema, home.is_new)?;
    if let Some(path) = home.path() {
        db.batch(&path)?;
    }
    bring_up_to_date(db, home.is_new)
        .map_err(|error| fitness::explain_migration_refusal(error, name, &home.schema))?;
    set_paths(db, &home.schema)?;
    home.keep_earlier_releases_out(db, VERSION)?;
    Ok(home)
}

/// Functions of the migrations that run with their owner's rights.
const OF_THE_OWNER: [&str; 5] =
    ["note_full_block", "recount_deleted", "recount_hidden", "note_mentions", "forget_mentions"];

/// Gives our functions that run with their owner's rights the path of this schema, with temporary tables last, unless
/// they have it. They lack it when they are new and when the schema was renamed. Functions of others are left alone.
fn set_paths(db: &Db, schema: &str) -> Result<()> {
    let sql = "SELECT f.oid::regprocedure::text, quote_ident($1)
               FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
               WHERE n.nspname = $1 AND f.proname = ANY($2) AND f.pronargs = 0
                   AND f.prosecdef AND pg_has_role(f.proowner, 'USAGE')
                   AND f.proconfig IS DISTINCT FROM ARRAY['search_path=' || quote_ident($1) || ', pg_temp']";
    for row in db.rows(sql, &[&schema, &OF_THE_OWNER.as_slice()])? {
        let (function, schema): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        db.batch(&format!("ALTER FUNCTION {function} SET search_path = {schema}, pg_temp"))?;
    }
    Ok(())
}

fn bring_up_to_date(db: &Db, is_new: bool) -> std::result::Result<(), OpenError> {
    // If the table exists, a role without the right to create tables must not be refused.
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

/// Refuses a database of another release that this caller must not migrate.
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
