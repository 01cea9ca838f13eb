//! Migrates the `chatserver.db` of the earlier Go server, in place and in one transaction: its tables are renamed,
//! ours are created and filled row by row, and the old ones are dropped. If the migration is interrupted, the file is
//! either entirely the old one or entirely the new one.
//!
//! Users, groups and messages keep their ids. A row is dropped only if it cannot be kept; dropped and changed rows are
//! counted and logged, and the backup still has them. A row that makes no sense must never stop the rest.

mod groups;
mod messages;
mod tally;
mod times;
mod users;
mod values;

use rusqlite::{Connection, Row, Transaction, TransactionBehavior};

use crate::schema;
use tally::Tally;

/// Largest id that is kept. The earlier server stored whatever number a client sent as a recipient, and an account
/// with the largest integer as its id would leave no id for the next account.
const LARGEST_ID: i64 = 1 << 48;
const CACHE_KIB: i64 = 64 * 1024;

/// The tables of the earlier server, each with the columns that identify it.
const TABLES: [(&str, &[&str]); 4] = [
    ("users", &["id", "username", "email", "password"]),
    ("groups", &["id", "name", "owner_id"]),
    ("group_members", &["group_id", "user_id"]),
    ("messages", &["id", "sender_id", "recipient_id", "content"]),
];
/// Tables that early files may lack: those of groups.
const OPTIONAL: [&str; 2] = ["groups", "group_members"];

/// Whether the file has the tables of the earlier server.
pub(crate) fn is_legacy(db: &Connection) -> rusqlite::Result<bool> {
    for (table, needed) in TABLES {
        let present = columns(db, table)?;
        let is_absent = present.is_empty() && OPTIONAL.contains(&table);
        if !is_absent && !needed.iter().all(|name| present.iter().any(|column| column == name)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Moves all data into the present schema, all or nothing.
pub(crate) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    // Otherwise, dropping the old tables would delete row by row, and fail at a row with a dangling reference.
    connection.pragma_update(None, "foreign_keys", false)?;
    // Otherwise, renaming them would fail at any view or trigger that no longer fits.
    connection.pragma_update(None, "legacy_alter_table", true)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    tracing::info!("migrating the earlier server's data; a million messages take about a minute");
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let issued = issued_ids(&transaction)?;
    set_aside(&transaction)?;
    schema::create_first(&transaction)?;
    let mut tally = Tally::default();
    users::copy(&transaction, &mut tally)?;
    groups::copy(&transaction, &mut tally)?;
    messages::copy(&transaction, &mut tally)?;
    for (table, last) in issued {
        continue_after(&transaction, &table, last)?;
    }
    for (table, _) in TABLES {
        transaction.execute_batch(&format!("DROP TABLE legacy_{table}"))?;
    }
    schema::finish(&transaction)?;
    transaction.commit()?;
    tally.log();
    Ok(())
}

fn columns(db: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = db.prepare("SELECT lower(name) FROM pragma_table_info(?1)")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

/// Renames the old tables out of the way of ours. A missing table becomes an empty one.
fn set_aside(db: &Transaction<'_>) -> rusqlite::Result<()> {
    for (table, needed) in TABLES {
        let sql = if columns(db, table)?.is_empty() {
            format!("CREATE TABLE legacy_{table} ({})", needed.join(", "))
        } else {
            format!("ALTER TABLE {table} RENAME TO legacy_{table}")
        };
        db.execute_batch(&sql)?;
    }
    Ok(())
}

/// The last id that each old table has given out, even if its row was deleted: an id must never be reused for somebody
/// else.
fn issued_ids(db: &Connection) -> rusqlite::Result<Vec<(String, i64)>> {
    if columns(db, "sqlite_sequence")?.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT name, seq FROM sqlite_sequence
               WHERE name IN ('users', 'groups', 'messages') AND seq BETWEEN 1 AND ?1";
    db.prepare(sql)?.query_map([LARGEST_ID], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn continue_after(db: &Connection, table: &str, last: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1";
    if db.execute(sql, (table, last))? == 0 {
        db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", (table, last))?;
    }
    Ok(())
}

/// A query of an old table, with NULL for each column that the table lacks.
fn select(db: &Connection, table: &str, wanted: &[&str], order: &str) -> rusqlite::Result<String> {
    let present = columns(db, &format!("legacy_{table}"))?;
    let or_null = |name| if present.iter().any(|column| column == name) { name } else { "NULL" };
    let list: Vec<_> = wanted.iter().copied().map(or_null).collect();
    Ok(format!("SELECT {} FROM legacy_{table} ORDER BY {order}", list.join(", ")))
}

/// Calls `take` for each row with a usable and unique id in its first column, in the order of ids. Returns the number
/// of other rows.
fn each(
    db: &Connection,
    sql: &str,
    mut take: impl FnMut(i64, &Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<u64> {
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query(())?;
    let (mut last, mut without) = (0, 0);
    while let Some(row) = rows.next()? {
        match values::id(row.get_ref(0)?) {
            Some(id) if id > last => {
                take(id, row)?;
                last = id;
            }
            _ => without += 1,
        }
    }
    Ok(without)
}
