//! Exports everything to another store. All rows are read in one snapshot, while a server may go on writing. Nothing
//! is written here, except that a file of an earlier release is migrated first.

use std::path::{Path, PathBuf};

use chat_codec::row;
use chat_core::ids::Position;
use chat_core::sync::Epoch;
use chat_core::transfer::{Batch, Column, End, Failure, Kind, Row, Source, Table, Value, mended};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

use crate::error::OpenError;
use crate::load::Columns;
use crate::location::check_names;
use crate::lock::Lock;
use crate::open::{check_file, followed, prepare};
use crate::{reader, schema};

/// Size of texts, in bytes, after which a range ends early: hundreds of long messages must not fill the memory.
const RANGE_BYTES: usize = 8 * 1024 * 1024;

/// A file that is exported.
pub struct Export {
    connection: Connection,
    /// Held if no server has the file, so that none starts on it before the export ends.
    lock: Option<Lock>,
    end: End,
    /// The backup that was made before the migration, if the file was migrated.
    pub backup: Option<PathBuf>,
}

impl Export {
    /// Opens the file, which may be served meanwhile. What is written from now on is not exported.
    ///
    /// # Errors
    /// If the file is not a database of ours, or is of another release and in use.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let path = followed(path);
        if !check_file(&path)? {
            return Err(OpenError::Missing(path));
        }
        check_names(&path)?;
        let lock = match Lock::of(&path) {
            Ok(lock) => Some(lock),
            Err(OpenError::InUse(_)) => None,
            Err(error) => return Err(error),
        };
        let backup = if lock.is_some() { prepare(&path)? } else { None };
        let sql_error = |error| OpenError::of(&path, error);
        let connection = reader::connect(&path).map_err(sql_error)?;
        // The snapshot begins with the first row that is read.
        connection.execute_batch("BEGIN").map_err(sql_error)?;
        check_version(&connection, &path)?;
        let end = end_of(&connection).map_err(sql_error)?;
        Ok(Self { connection, lock, end, backup })
    }

    /// End of the exported log.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.end.epoch
    }
}

/// Refuses a file of another release: a file in use was not migrated, and may be of any.
pub(crate) fn check_version(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let path = path.to_owned();
    match schema::recognise(connection).map_err(|error| OpenError::of(&path, error))? {
        schema::Found::Current => Ok(()),
        schema::Found::Older(_) | schema::Found::Legacy => Err(OpenError::Outdated(path)),
        schema::Found::Newer(found) => Err(OpenError::Newer { path, found, known: schema::VERSION }),
        schema::Found::Foreign => Err(OpenError::Foreign(path)),
        schema::Found::Backup => Err(OpenError::IsBackup(path)),
    }
}

fn end_of(connection: &Connection) -> rusqlite::Result<End> {
    let sql = "SELECT epoch, position, feed_from, last_message FROM log";
    let (end, feed_from, messages) = connection
        .query_row(sql, (), |row| Ok((row::cursor(&Columns(row), 0)?, Position(row.get(2)?), row.get(3)?)))?;
    let last = |table: &str| {
        let sql = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?1";
        connection.query_row(sql, [table], |row| row.get(0))
    };
    Ok(End {
        epoch: end.epoch,
        position: end.position,
        feed_from,
        messages,
        users: last("users")?,
        conversations: last("conversations")?,
        groups: last("groups")?,
    })
}

impl Source for Export {
    fn is_final(&self) -> bool {
        self.lock.is_some()
    }

    fn count(&mut self, table: &'static Table) -> Result<u64, Failure> {
        let sql = format!("SELECT count(*) FROM {}", table.name);
        let count: i64 = self.connection.query_row(&sql, (), |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }

    fn next(
        &mut self,
        table: &'static Table,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Batch, Failure> {
        let mut statement = self.connection.prepare_cached(&select(table, after.is_some()))?;
        let key = after.unwrap_or_default().iter().map(KeyValue);
        let mut rows = statement.query(params_from_iter(key))?;
        let mut batch = Batch::default();
        let mut n_bytes = 0;
        while batch.rows.len() < limit
            && n_bytes < RANGE_BYTES
            && let Some(row) = rows.next()?
        {
            let mut values = Row::with_capacity(table.columns.len());
            for (index, column) in table.columns.iter().enumerate() {
                let found = row.get_ref(index)?;
                n_bytes += found.as_bytes_or_null().ok().flatten().map_or(0, <[u8]>::len);
                let (value, is_mended) = value(column, found)?;
                batch.n_mended += u64::from(is_mended);
                batch.has_mended_key |= is_mended && index < table.n_keys;
                values.push(value);
            }
            batch.rows.push(values);
        }
        Ok(batch)
    }

    fn end(&mut self) -> Result<End, Failure> {
        Ok(self.end.clone())
    }
}

/// Statement for the rows of a table in the order of keys, from the beginning or after a key.
fn select(table: &Table, has_beginning: bool) -> String {
    let names = |columns: &[Column]| columns.iter().map(|it| it.name).collect::<Vec<_>>().join(", ");
    let (all, key) = (names(table.columns), names(table.key()));
    let marks = vec!["?"; table.n_keys].join(", ");
    let after = if has_beginning { format!("WHERE ({key}) > ({marks})") } else { String::new() };
    format!("SELECT {all} FROM {} {after} ORDER BY {key}", table.name)
}

/// Converts a column's value. The flag says whether a text had to be repaired.
fn value(column: &Column, found: ValueRef<'_>) -> Result<(Value, bool), Failure> {
    let value = match (column.kind, found) {
        (_, ValueRef::Null) => Value::Null,
        (Kind::Flag, ValueRef::Integer(number)) => Value::Flag(number != 0),
        (Kind::Integer, ValueRef::Integer(number)) => Value::Integer(number),
        (Kind::Bytes, ValueRef::Blob(bytes)) => Value::Bytes(bytes.to_owned()),
        (Kind::Text, ValueRef::Text(text)) => {
            let (text, is_mended) = mended(text);
            return Ok((Value::Text(text), is_mended));
        }
        (_, found) => return Err(format!("{} in the column {}", found.data_type(), column.name).into()),
    };
    Ok((value, false))
}

/// A value of a key, for SQLite.
struct KeyValue<'a>(&'a Value);

impl ToSql for KeyValue<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Flag(flag) => ValueRef::Integer((*flag).into()),
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

#[cfg(test)]
mod tests {
    use chat_core::transfer::TABLES;

    use super::*;

    #[test]
    fn rows_are_found_by_their_key_and_never_sorted() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, 0).unwrap();
        for table in &TABLES {
            for has_beginning in [false, true] {
                let sql = format!("EXPLAIN QUERY PLAN {}", select(table, has_beginning));
                let mut statement = connection.prepare(&sql).unwrap();
                let key = if has_beginning { vec![1; table.n_keys] } else { Vec::new() };
                let steps = statement.query_map(params_from_iter(key), |row| row.get::<_, String>(3));
                let steps: Vec<_> = steps.unwrap().map(Result::unwrap).collect();
                let wanted = if has_beginning { "SEARCH " } else { "SCAN " };
                assert!(steps.len() == 1 && steps[0].starts_with(wanted), "{sql}: {steps:?}");
            }
        }
    }
}
