//! Moves all data of another store into this database. Until it is complete, the database has a mark for
//! which servers refuse it. No server may use the database meanwhile, and no server calls anything in here.

mod rows;

use std::time::Duration;

use chat_core::sync::Epoch;
use chat_core::transfer::{Digest, End, Failure, Range, Row, TABLES, Table, Target};
use tokio_postgres::error::SqlState;

use crate::connect::Address;
use crate::db::Db;
use crate::endpoint::SERVER;
use crate::error::OpenError;
use crate::fault::{Fault, Result, explained};
use crate::open::{Options, reach};

/// Upper bound for a statement on a range, or on all rows at the end.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(1800);
const SETTINGS: &str =
    "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '10s'";
/// Held by the process that fills the database. A killed process releases it when PostgreSQL notices.
const LOCK: &str = "SELECT pg_advisory_lock(7161120384015726) IS NULL";

/// Returns the epoch of the log whose rows are being moved here, if a migration is under way.
pub(crate) fn source_of(db: &Db) -> Result<Option<String>> {
    let found = db.opt("SELECT value FROM secrets WHERE name = 'moving_in'", &[])?;
    Ok(found.map(|row| row.try_get(0)).transpose()?)
}

/// A database that is being filled.
pub struct Import {
    db: Db,
    token_key: Option<String>,
}

impl Import {
    /// Connects to the database, which must be empty or partly filled with the rows of this log, and marks
    /// it. The key that signs tokens is stored in it at the end, if there is one. Blocks.
    ///
    /// # Errors
    /// If the database cannot be reached, cannot be served, is being served, or contains other data.
    pub fn begin(
        options: &Options,
        epoch: Epoch,
        token_key: Option<String>,
    ) -> std::result::Result<Self, OpenError> {
        let mut address = Address::parse(&options.url)?.with_application_name("chatserver-migrate");
        let name = address.describe();
        let (db, _) = reach(&mut address, options)?;
        db.set_statement_timeout(STATEMENT_TIMEOUT);
        db.batch(SETTINGS)?;
        match db.row(LOCK, &[]) {
            Err(Fault::Sql(error)) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                return Err(OpenError::Busy { name, who: "another `chatserver migrate` is running" });
            }
            locked => drop(locked?),
        }
        mark(&db, &name, epoch)?;
        Ok(Self { db, token_key })
    }
}

/// Marks the database as one that is being filled, if that is allowed.
fn mark(db: &Db, name: &str, epoch: Epoch) -> std::result::Result<(), OpenError> {
    let name = name.to_owned();
    match source_of(db)? {
        Some(source) if source == epoch.0.to_string() => return Ok(()),
        Some(_) => return Err(OpenError::OtherSource(name)),
        None => {}
    }
    if db.exists("SELECT 1 FROM log WHERE epoch = $1", &[&i64::from(epoch.0)])? {
        return Err(OpenError::AlreadyMoved(name));
    }
    if !is_empty(db)? {
        return Err(OpenError::NotEmpty(name));
    }
    db.execute("INSERT INTO secrets (name, value) VALUES ('moving_in', $1)", &[&epoch.0.to_string()])?;
    // A server looks for the mark after it has connected. So either the server sees the mark, or this
    // statement sees the server.
    let sql = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1";
    if db.exists(sql, &[&SERVER])? {
        db.execute("DELETE FROM secrets WHERE name = 'moving_in'", &[])?;
        return Err(OpenError::Busy { name, who: "a server is running" });
    }
    Ok(())
}

fn is_empty(db: &Db) -> Result<bool> {
    let filled = TABLES.iter().map(|table| format!("SELECT 1 FROM {}", table.name));
    let filled: Vec<_> =
        filled.chain(["SELECT 1 FROM log WHERE position > 0 OR message_id > 0".into()]).collect();
    let sql = format!("SELECT EXISTS ({})", filled.join(" UNION ALL "));
    db.work(async |client| Ok(!client.query_one(&sql, &[]).await?.try_get::<_, bool>(0)?))
}

impl Target for Import {
    fn digest(&mut self, table: &'static Table, range: Range<'_>) -> std::result::Result<Digest, Failure> {
        rows::digest(&self.db, table, range).map_err(failure)
    }

    fn replace(
        &mut self,
        table: &'static Table,
        range: Range<'_>,
        rows: &[Row],
    ) -> std::result::Result<(), Failure> {
        match rows::replace(&self.db, table, range, rows) {
            Err(Fault::Sql(error)) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                // Ranges before this one already equal the source's. The rows after it are deleted and will
                // be copied again.
                let rest = Range { upto: None, ..range };
                rows::replace(&self.db, table, rest, rows).map_err(failure)
            }
            replaced => replaced.map_err(failure),
        }
    }

    fn finish(&mut self, end: &End) -> std::result::Result<(), Failure> {
        // Otherwise the first queries would be planned for empty tables.
        let names: Vec<_> = TABLES.iter().map(|table| table.name).collect();
        self.db.batch(&format!("ANALYZE {}", names.join(", "))).map_err(failure)?;
        self.db.batch("BEGIN").map_err(failure)?;
        if let Err(fault) = finish(&self.db, end, self.token_key.as_deref()) {
            let _ = self.db.batch("ROLLBACK");
            return Err(failure(fault));
        }
        self.db.batch("COMMIT").map_err(failure)
    }
}

/// Converts an error for a user at a terminal.
fn failure(fault: Fault) -> Failure {
    match fault {
        Fault::Sql(error) => explained(&error).into(),
        Fault::Broken(reason) | Fault::Obstructed(_, reason) => reason.into(),
        Fault::Refused(error) => error.into(),
    }
}

/// Makes the log continue where the source's ended, and allows servers to start.
fn finish(db: &Db, end: &End, token_key: Option<&str>) -> Result<()> {
    let sql = "UPDATE log SET epoch = $1, position = $2, message_id = $3, feed_noted = $2, feed_from = $4,
                      feed_readers = (SELECT count(*) FROM feed_readers)";
    db.execute(sql, &[&i64::from(end.epoch.0), &end.position.0, &end.messages, &end.feed_from.0])?;
    // Derived from the messages; rows that were copied one by one have left parts.
    db.batch("TRUNCATE own_counts, unread_corrections, mention_counts")?;
    db.row("SELECT count_own_blocks() IS NULL, correct_unread() IS NULL", &[])?;
    let versions: i64 = db.row("SELECT coalesce(max(id), 0) FROM message_versions", &[])?.try_get(0)?;
    for (table, last) in [
        ("users", end.users),
        ("conversations", end.conversations),
        ("groups", end.groups),
        ("message_versions", versions),
    ] {
        let sql = "SELECT setval(pg_get_serial_sequence($1, 'id'), greatest($2::bigint, 1), $2 > 0)";
        db.row(sql, &[&table, &last])?;
    }
    if let Some(key) = token_key {
        let sql = "INSERT INTO secrets (name, value) VALUES ('tokens', $1)
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        db.execute(sql, &[&key])?;
    }
    db.execute("DELETE FROM secrets WHERE name = 'moving_in'", &[]).map(drop)
}
