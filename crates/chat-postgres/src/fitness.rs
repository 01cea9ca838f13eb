//! Checks whether a database can be served: the server's version and guarantees, and the role's permissions.
//! Each refusal is one sentence that says what to change. Nothing is changed here.

use chat_core::transfer::TABLES;

use crate::db::Db;
use crate::error::OpenError;
use crate::fault::{Fault, Result};

/// The oldest server version with everything that the statements here need.
const OLDEST_SERVER: i64 = 140_000;
/// The encoding that stores every text.
const ENCODING: &str = "UTF8";
/// With this encoding, the server stores bytes as they come and checks nothing.
const NO_ENCODING: &str = "SQL_ASCII";
/// Tables that are not moved to another store.
const UNMOVED_TABLES: [&str; 3] = ["log", "journal", "secrets"];

/// Checks that the server is new enough, accepts writes, and flushes to disk what it acknowledges.
pub(crate) fn check_server(db: &Db, name: &str) -> std::result::Result<(), OpenError> {
    let version = setting(db, "SELECT current_setting('server_version_num')")?;
    if version.parse::<i64>().is_ok_and(|number| number < OLDEST_SERVER) {
        return Err(OpenError::OldServer(setting(db, "SELECT current_setting('server_version')")?));
    }
    check_writable(db, name)?;
    if setting(db, "SELECT current_setting('fsync')")? == "off" {
        return Err(OpenError::NotDurable("fsync = off"));
    }
    if setting(db, "SELECT current_setting('full_page_writes')")? == "off" {
        return Err(OpenError::NotDurable("full_page_writes = off"));
    }
    // Every session of ours sets this; the check shows whether something between this node and the server
    // undoes it.
    match setting(db, "SELECT current_setting('synchronous_commit')")?.as_str() {
        "on" | "remote_apply" => Ok(()),
        _ => Err(OpenError::NotDurable("synchronous_commit = off")),
    }
}

fn setting(db: &Db, sql: &'static str) -> Result<String> {
    Ok(db.row(sql, &[])?.try_get(0)?)
}

fn check_writable(db: &Db, name: &str) -> std::result::Result<(), OpenError> {
    if db.row("SELECT pg_is_in_recovery()", &[])?.try_get(0).map_err(Fault::from)? {
        return Err(OpenError::Standby(name.into()));
    }
    if setting(db, "SELECT current_setting('default_transaction_read_only')")? == "on" {
        return Err(OpenError::ReadOnly(name.into()));
    }
    Ok(())
}

/// Checks that the database can store every text. Without an encoding it can, but nothing guarantees that
/// this stays so. Such a database is served if it already has our tables, but no new tables are created
/// there.
pub(crate) fn check_encoding(db: &Db, name: &str, is_new: bool) -> std::result::Result<(), OpenError> {
    let encoding = setting(db, "SELECT current_setting('server_encoding')")?;
    if encoding == ENCODING || (encoding == NO_ENCODING && !is_new) {
        return Ok(());
    }
    Err(OpenError::Encoding { name: name.into(), encoding })
}

/// Checks that the schema may be used and, if it is empty, that tables may be created in it.
pub(crate) fn check_schema(
    db: &Db,
    name: &str,
    schema: &str,
    is_new: bool,
) -> std::result::Result<(), OpenError> {
    let sql = "SELECT has_schema_privilege($1, 'USAGE'), has_schema_privilege($1, 'CREATE')";
    let row = db.row(sql, &[&schema])?;
    let may = |column: usize| row.try_get::<_, bool>(column).map_err(Fault::from);
    let (name, schema) = (name.to_owned(), schema.to_owned());
    match (may(0)?, may(1)?) {
        (true, true) => Ok(()),
        (true, false) if !is_new => Ok(()),
        _ if is_new => {
            let reason = "it has no rights USAGE and CREATE there".into();
            Err(OpenError::MayNotMigrate { name, schema, reason })
        }
        _ => Err(OpenError::MayNotUse { name, schema, what: "the schema itself".into() }),
    }
}

/// Checks that all tables may be read and written. Their owner does not matter as long as there is nothing to
/// migrate.
pub(crate) fn check_rights(db: &Db, name: &str, schema: &str) -> std::result::Result<(), OpenError> {
    let sql = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = $1 AND c.relkind = 'r' AND c.relname = ANY ($2)
                   AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
                            AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))
               ORDER BY c.relname LIMIT 1";
    let tables: Vec<&str> = TABLES.iter().map(|table| table.name).chain(UNMOVED_TABLES).collect();
    match db.opt(sql, &[&schema, &tables])? {
        Some(row) => {
            let what = format!("its table {}", row.try_get::<_, String>(0).map_err(Fault::from)?);
            Err(OpenError::MayNotUse { name: name.into(), schema: schema.into(), what })
        }
        None => Ok(()),
    }
}

/// Translates a migration's failure for lack of permissions.
pub(crate) fn explain_migration_refusal(error: OpenError, name: &str, schema: &str) -> OpenError {
    match error {
        OpenError::MayNot(reason) => {
            OpenError::MayNotMigrate { name: name.into(), schema: schema.into(), reason }
        }
        other => other,
    }
}
