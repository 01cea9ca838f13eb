//! Finds the schema of the database that contains the tables, and checks whether they may be there.
//!
//! By default it is a schema of their own, so that they do not mix with another program's tables. Earlier
//! releases created them in the first schema of the session's search path, usually `public`. Installations
//! that have them there keep them there.

use crate::connect::Address;
use crate::db::Db;
use crate::error::OpenError;
use crate::fault::{Fault, Result};
use crate::open::{Options, connect};

/// Schema of the tables unless configured otherwise.
pub const USUAL_SCHEMA: &str = "chatserver";
/// Upper bound for a name that PostgreSQL does not cut, in bytes.
const MAX_NAME_BYTES: usize = 63;
/// Comment of the marker table that keeps earlier releases from creating tables of their own.
const MARK: &str =
    "ChatServer's tables are in another schema; this keeps its earlier releases from making others here.";

/// The schema that contains the tables, or will.
pub(crate) struct HomeSchema {
    /// Name of the schema.
    pub(crate) schema: String,
    /// Whether the tables do not exist yet.
    pub(crate) is_new: bool,
    /// The first schema of the session's search path, where earlier releases look. Without one they find
    /// nothing.
    before: Option<String>,
}

/// Finds the schema, or creates it if that is allowed. Must be called in a transaction that holds the
/// migration lock.
pub(crate) fn find(db: &Db, options: &Options, name: &str) -> std::result::Result<HomeSchema, OpenError> {
    let (before, schema) = wanted(db, options, name)?;
    let is_new = !is_ours(db, &schema)?;
    if is_new {
        check_is_free(db, &schema, options.is_found, name)?;
        if let Some(before) = before.as_deref()
            && is_ours(db, before)?
        {
            return Err(OpenError::Settled { name: name.into(), schema: before.into() });
        }
        create(db, &schema, name)?;
    }
    Ok(HomeSchema { schema, is_new, before })
}

/// Returns the first schema of the session's search path, and the schema of the tables.
fn wanted(
    db: &Db,
    options: &Options,
    name: &str,
) -> std::result::Result<(Option<String>, String), OpenError> {
    let before: Option<String> =
        db.row("SELECT current_schema()::text", &[])?.try_get(0).map_err(Fault::from)?;
    let schema = match &options.schema {
        Some(schema) => checked(schema)?.to_owned(),
        None => default_schema(db, before.as_deref(), name)?,
    };
    Ok((before, schema))
}

/// Returns the default schema, unless the tables are where earlier releases put them.
fn default_schema(db: &Db, before: Option<&str>, name: &str) -> std::result::Result<String, OpenError> {
    let Some(before) = before.filter(|before| *before != USUAL_SCHEMA) else {
        return Ok(USUAL_SCHEMA.into());
    };
    match (is_ours(db, before)?, is_ours(db, USUAL_SCHEMA)?) {
        (true, true) => {
            Err(OpenError::TwoHomes { name: name.into(), one: before.into(), other: USUAL_SCHEMA.into() })
        }
        (true, false) => Ok(before.into()),
        (false, _) => Ok(USUAL_SCHEMA.into()),
    }
}

/// Checks that the name needs no quotes, wherever an operator has to write it.
fn checked(schema: &str) -> std::result::Result<&str, OpenError> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins_well = schema.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let is_free = !schema.starts_with("pg_") && schema != "information_schema";
    if begins_well && is_free && schema.len() <= MAX_NAME_BYTES && schema.chars().all(is_plain) {
        Ok(schema)
    } else {
        Err(OpenError::SchemaName(schema.into()))
    }
}

fn is_ours(db: &Db, schema: &str) -> Result<bool> {
    let sql = "SELECT count(DISTINCT c.relname) = 2
               FROM pg_class c
               JOIN pg_namespace n ON n.oid = c.relnamespace
               JOIN pg_attribute a ON a.attrelid = c.oid
               WHERE n.nspname = $1 AND NOT a.attisdropped
                   AND (c.relname, a.attname) IN (('schema_version', 'works_from'), ('log', 'epoch'))";
    Ok(db.row(sql, &[&schema])?.try_get(0)?)
}

/// Returns the name of an object that belongs to another program, in this schema or, without one, in the
/// whole database. Objects of an extension do not count, because nobody created them on purpose.
fn foreign(db: &Db, schema: Option<&str>) -> Result<Option<String>> {
    let sql = "SELECT c.relname::text
               FROM pg_class c
               JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
                   AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
                   AND ($1::text IS NULL OR n.nspname = $1)
                   AND obj_description(c.oid, 'pg_class') IS DISTINCT FROM $2
                   AND NOT EXISTS (SELECT 1 FROM pg_depend d
                                   WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
               ORDER BY c.relname LIMIT 1";
    let found = db.opt(sql, &[&schema, &MARK])?;
    Ok(found.map(|row| row.try_get(0)).transpose()?)
}

fn check_is_free(db: &Db, schema: &str, is_found: bool, name: &str) -> std::result::Result<(), OpenError> {
    if is_found && foreign(db, None)?.is_some() {
        return Err(OpenError::FoundForeign(name.into()));
    }
    if let Some(table) = foreign(db, Some(schema))? {
        return Err(OpenError::Foreign { name: name.into(), schema: schema.into(), table });
    }
    if is_marked(db, schema)? {
        return Err(OpenError::Marked { name: name.into(), schema: schema.into() });
    }
    Ok(())
}

/// Returns whether this schema contains the marker table.
fn is_marked(db: &Db, schema: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = $1 AND obj_description(c.oid, 'pg_class') = $2";
    db.exists(sql, &[&schema, &MARK])
}

fn create(db: &Db, schema: &str, name: &str) -> std::result::Result<(), OpenError> {
    if db.exists("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[&schema])? {
        return Ok(());
    }
    match db.batch(&format!("CREATE SCHEMA {}", quoted(schema))) {
        Err(fault) if fault.lacks_rights() => {
            Err(OpenError::NoSchema { name: name.into(), schema: schema.into() })
        }
        made => Ok(made?),
    }
}

impl HomeSchema {
    /// Returns the statement that makes a session find the tables; `None` if its own search path leads there.
    pub(crate) fn path(&self) -> Option<String> {
        let is_on_path = self.before.as_deref() == Some(&self.schema);
        (!is_on_path).then(|| format!("SET search_path = {}", quoted(&self.schema)))
    }

    /// Creates a marker table where earlier releases would create tables of their own and so begin a second
    /// log. They refuse a database with it. Does nothing in a schema that others use, or where the role may
    /// create nothing.
    pub(crate) fn keep_earlier_releases_out(&self, db: &Db, version: i64) -> Result<()> {
        let Some(before) = self.before.as_deref().filter(|before| *before != self.schema) else {
            return Ok(());
        };
        let may = "SELECT 1 WHERE has_schema_privilege($1, 'CREATE')";
        if is_ours(db, before)?
            || is_marked(db, before)?
            || foreign(db, Some(before))?.is_some()
            || !db.exists(may, &[&before])?
        {
            return Ok(());
        }
        let mark = format!("{}.schema_version", quoted(before));
        // No release works with such a late version.
        db.batch(&format!(
            "CREATE TABLE {mark} (
                 only_row bigint PRIMARY KEY CHECK (only_row = 1), version bigint NOT NULL, works_from bigint NOT NULL);
             INSERT INTO {mark} VALUES (1, {version}, {});
             COMMENT ON TABLE {mark} IS '{}'",
            i64::MAX,
            MARK.replace('\'', "''")
        ))
    }
}

/// Returns the schema of this database's tables, if they exist. Changes nothing. Blocks.
///
/// # Errors
/// If the database cannot be reached, or has the tables in two schemas.
pub fn schema_of(options: &Options) -> std::result::Result<Option<String>, OpenError> {
    let address = Address::parse(&options.url)?;
    let db = connect(&address)?;
    Ok(existing(&db, options, &address.describe())?.map(|home| home.schema))
}

/// Lets the session find the tables of a database that is only read. Refuses a database without ChatServer
/// tables.
pub(crate) fn use_existing(db: &Db, options: &Options, name: &str) -> std::result::Result<(), OpenError> {
    let Some(home) = existing(db, options, name)? else {
        let has_other_objects = options.is_found && foreign(db, None)?.is_some();
        return Err(if has_other_objects {
            OpenError::FoundForeign(name.into())
        } else {
            OpenError::NoTables(name.into())
        });
    };
    Ok(home.path().map_or(Ok(()), |path| db.batch(&path))?)
}

fn existing(db: &Db, options: &Options, name: &str) -> std::result::Result<Option<HomeSchema>, OpenError> {
    let (before, schema) = wanted(db, options, name)?;
    Ok(is_ours(db, &schema)?.then_some(HomeSchema { schema, is_new: false, before }))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_need_no_quotes_are_accepted() {
        for good in ["chatserver", "public", "_chat", "chat_2"] {
            assert_eq!(checked(good).unwrap(), good);
        }
        let long = "a".repeat(MAX_NAME_BYTES + 1);
        for bad in ["", "Chat", "2chat", "chat server", "chat\"", "pg_chat", "information_schema", &long] {
            assert!(matches!(checked(bad), Err(OpenError::SchemaName(_))), "{bad}");
        }
    }

    #[test]
    fn any_other_name_is_quoted() {
        assert_eq!(quoted("o\"dd"), "\"o\"\"dd\"");
    }
}
