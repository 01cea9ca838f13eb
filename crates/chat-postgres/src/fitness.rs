//! Whether a database is fit to be served: what its server is, what it promises, and what we may do in it. Each refusal
//! is one sentence that says what to change; nothing is changed here.

use chat_core::transfer::TABLES;

use crate::db::Db;
use crate::error::OpenError;
use crate::fault::{Fault, Result};

/// The oldest server that has what the statements here need.
const OLDEST_SERVER: i64 = 140_000;
/// What texts are in.
const ENCODING: &str = "UTF8";
/// The server keeps bytes as they come, and checks nothing.
const NO_ENCODING: &str = "SQL_ASCII";
/// Tables that are not moved to another store.
const BESIDE: [&str; 3] = ["log", "journal", "secrets"];

/// That the server can do what is needed, takes writes, and that what it acknowledges is on its disk.
pub(crate) fn of_server(db: &Db, name: &str) -> std::result::Result<(), OpenError> {
    let version = setting(db, "SELECT current_setting('server_version_num')")?;
    if version.parse::<i64>().is_ok_and(|number| number < OLDEST_SERVER) {
        return Err(OpenError::OldServer(setting(db, "SELECT current_setting('server_version')")?));
    }
    takes_writes(db, name)?;
    if setting(db, "SELECT current_setting('fsync')")? == "off" {
        return Err(OpenError::NotDurable("fsync = off"));
    }
    if setting(db, "SELECT current_setting('full_page_writes')")? == "off" {
        return Err(OpenError::NotDurable("full_page_writes = off"));
    }
    // Every session of ours asks for it; this says whether somebody between us and the server undoes that.
    match setting(db, "SELECT current_setting('synchronous_commit')")?.as_str() {
        "on" | "remote_apply" => Ok(()),
        _ => Err(OpenError::NotDurable("synchronous_commit = off")),
    }
}

fn setting(db: &Db, sql: &'static str) -> Result<String> {
    Ok(db.row(sql, &[])?.try_get(0)?)
}

fn takes_writes(db: &Db, name: &str) -> std::result::Result<(), OpenError> {
    if db.row("SELECT pg_is_in_recovery()", &[])?.try_get(0).map_err(Fault::from)? {
        return Err(OpenError::Standby(name.into()));
    }
    if setting(db, "SELECT current_setting('default_transaction_read_only')")? == "on" {
        return Err(OpenError::ReadOnly(name.into()));
    }
    Ok(())
}

/// That every text can be kept. Without an encoding all can, but nothing says that it stays so: such a database is
/// served where our tables are in it already, and no new one begins there.
pub(crate) fn of_encoding(db: &Db, name: &str, is_new: bool) -> std::result::Result<(), OpenError> {
    let encoding = setting(db, "SELECT current_setting('server_encoding')")?;
    if encoding == ENCODING || (encoding == NO_ENCODING && !is_new) {
        return Ok(());
    }
    Err(OpenError::Encoding { name: name.into(), encoding })
}

/// That the schema may be entered, and where it is empty, filled.
pub(crate) fn of_schema(
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

/// That all tables may be read and written; whose they are is no matter, as long as there is nothing to migrate.
pub(crate) fn of_rights(db: &Db, name: &str, schema: &str) -> std::result::Result<(), OpenError> {
    let sql = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = $1 AND c.relkind = 'r' AND c.relname = ANY ($2)
                   AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
                            AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))
               ORDER BY c.relname LIMIT 1";
    let tables: Vec<&str> = TABLES.iter().map(|table| table.name).chain(BESIDE).collect();
    match db.opt(sql, &[&schema, &tables])? {
        Some(row) => {
            let what = format!("its table {}", row.try_get::<_, String>(0).map_err(Fault::from)?);
            Err(OpenError::MayNotUse { name: name.into(), schema: schema.into(), what })
        }
        None => Ok(()),
    }
}

/// What a migration that was refused for want of rights is told as.
pub(crate) fn or_may_not_migrate(error: OpenError, name: &str, schema: &str) -> OpenError {
    match error {
        OpenError::MayNot(reason) => {
            OpenError::MayNotMigrate { name: name.into(), schema: schema.into(), reason }
        }
        other => other,
    }
}
