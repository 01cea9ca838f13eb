//! Reads and replaces ranges of any table. The statements are built only from the list of tables to move.

use std::pin::pin;

use chat_core::transfer::{Column, Digest, Kind, Range, Row, Table, Value};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

use crate::db::Db;
use crate::fault::Result;

/// Returns the digest of the rows in a range, for comparison.
pub(super) fn digest(db: &Db, table: &Table, range: Range<'_>) -> Result<Digest> {
    let (which, key) = between(table, range);
    let sql = format!("SELECT {} FROM {} {which}", names(table.columns), table.name);
    db.work(async |client| {
        let mut digest = Digest::default();
        for row in client.query(&sql, &key).await? {
            digest.add(Digest::of(&[read(table, &row)?]));
        }
        Ok(digest)
    })
}

/// Replaces the rows in a range by these, all or nothing.
pub(super) fn replace(db: &Db, table: &Table, range: Range<'_>, rows: &[Row]) -> Result<()> {
    db.batch("BEGIN")?;
    let replaced = delete(db, table, range).and_then(|()| insert(db, table, rows));
    let ended = db.batch(if replaced.is_ok() { "COMMIT" } else { "ROLLBACK" });
    replaced.and(ended)
}

fn delete(db: &Db, table: &Table, range: Range<'_>) -> Result<()> {
    let (which, key) = between(table, range);
    let sql = format!("DELETE FROM {} {which}", table.name);
    db.work(async |client| client.execute(&sql, &key).await.map(drop))
}

fn insert(db: &Db, table: &Table, rows: &[Row]) -> Result<()> {
    let sql = format!("COPY {} ({}) FROM STDIN BINARY", table.name, names(table.columns));
    let types: Vec<_> = table.columns.iter().map(|column| type_of(column.kind)).collect();
    db.work(async |client| {
        let mut writer = pin!(BinaryCopyInWriter::new(client.copy_in(&sql).await?, &types));
        for row in rows {
            let values: Vec<_> = table.columns.iter().zip(row).map(|(it, value)| given(it, value)).collect();
            writer.as_mut().write(&values).await?;
        }
        writer.finish().await.map(drop)
    })
}

fn names(columns: &[Column]) -> String {
    columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
}

/// Returns the condition for a range, and its parameters.
fn between<'a>(table: &Table, range: Range<'a>) -> (String, Vec<&'a (dyn ToSql + Sync)>) {
    let key = names(table.key());
    let mut values = Vec::new();
    let mut conditions = Vec::new();
    for (comparison, bound) in [(">", range.after), ("<=", range.upto)] {
        let Some(bound) = bound else { continue };
        let marks: Vec<_> = (1..=table.n_keys).map(|n| format!("${}", values.len() + n)).collect();
        conditions.push(format!("({key}) {comparison} ({})", marks.join(", ")));
        values.extend(table.key().iter().zip(bound).map(|(it, value)| given(it, value)));
    }
    let condition =
        if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    (condition, values)
}

fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::Flag => Type::BOOL,
        Kind::Integer => Type::INT8,
        Kind::Text => Type::TEXT,
        Kind::Bytes => Type::BYTEA,
    }
}

fn read(table: &Table, row: &tokio_postgres::Row) -> std::result::Result<Row, tokio_postgres::Error> {
    let value = |(index, column): (usize, &Column)| {
        let value = match column.kind {
            Kind::Flag => row.try_get::<_, Option<_>>(index)?.map(Value::Flag),
            Kind::Integer => row.try_get::<_, Option<_>>(index)?.map(Value::Integer),
            Kind::Text => row.try_get::<_, Option<_>>(index)?.map(Value::Text),
            Kind::Bytes => row.try_get::<_, Option<_>>(index)?.map(Value::Bytes),
        };
        Ok(value.unwrap_or(Value::Null))
    };
    table.columns.iter().enumerate().map(value).collect()
}

/// Returns a value of a column, as a parameter for PostgreSQL.
fn given<'a>(column: &Column, value: &'a Value) -> &'a (dyn ToSql + Sync) {
    match (value, column.kind) {
        (Value::Flag(flag), _) => flag,
        (Value::Integer(number), _) => number,
        (Value::Text(text), _) => text,
        (Value::Bytes(bytes), _) => bytes,
        (Value::Null, Kind::Flag) => &None::<bool>,
        (Value::Null, Kind::Integer) => &None::<i64>,
        (Value::Null, Kind::Text) => &None::<&str>,
        (Value::Null, Kind::Bytes) => &None::<&[u8]>,
    }
}
