//! Keys derived from usernames, by which users are found by the words of their names, and names that look alike are
//! detected. Only the core knows what the keys mean.
//!
//! Users without keys (created by other means than registering) have larger ids than all users with keys. They are
//! compared name by name, and get their keys when the next user registers.

use std::path::Path;
use std::time::Duration;

use chat_core::accounts::{Account, AccountQuery};
use chat_core::names;
use rusqlite::{Connection, OpenFlags, params};

use crate::accounts::account;
use crate::error::OpenError;
use crate::location::check_names;
use crate::open::followed;
use crate::{fault, schema};

/// How long to wait for a file that is locked.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether a user has a name that could be mistaken for this one.
pub(crate) fn is_mistakable(db: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT u.username FROM name_keys k JOIN users u ON u.id = k.user_id
               WHERE k.kind = 'look' AND k.key = ?1";
    let mut statement = db.prepare_cached(sql)?;
    for look in names::looks(name) {
        let mut rows = statement.query([look])?;
        while let Some(row) = rows.next()? {
            if names::is_mistakable(&row.get::<_, String>(0)?, name) {
                return Ok(true);
            }
        }
    }
    Ok(without_keys(db)?.iter().any(|(_, other)| names::is_mistakable(other, name)))
}

/// Adds the keys of all users who have none.
pub(crate) fn catch_up(db: &Connection) -> rusqlite::Result<()> {
    for (id, name) in without_keys(db)? {
        add(db, id, "look", names::looks(&name))?;
        add(db, id, "word", names::beginnings(&name))?;
    }
    Ok(())
}

/// Accounts with a word in their name that begins with `wanted`, in the order of their ids.
pub(crate) fn found(db: &Connection, wanted: &str, query: &AccountQuery) -> fault::Result<Vec<Account>> {
    let sql = "SELECT id, username, email, created_at FROM users
               WHERE id > ?1 AND id IN (
                   SELECT user_id FROM name_keys WHERE kind = 'word' AND key >= ?2 AND key < ?3)
               ORDER BY id LIMIT ?4";
    let mut statement = db.prepare_cached(sql)?;
    let end = names::end_of(wanted);
    let rows = statement.query_map(params![query.after.0, wanted, end, query.limit], account)?;
    let mut found = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let sql = "SELECT id, username, email, created_at FROM users
               WHERE id > max(?1, (SELECT coalesce(max(user_id), 0) FROM name_keys)) ORDER BY id";
    let mut statement = db.prepare_cached(sql)?;
    for late in statement.query_map([query.after.0], account)? {
        found.push(late?);
    }
    found.retain(|account| names::is_found(&account.username, wanted));
    found.truncate(query.limit.into());
    Ok(found)
}

fn without_keys(db: &Connection) -> rusqlite::Result<Vec<(i64, String)>> {
    let sql = "SELECT id, username FROM users
               WHERE id > (SELECT coalesce(max(user_id), 0) FROM name_keys) ORDER BY id";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

fn add(db: &Connection, id: i64, kind: &str, keys: Vec<String>) -> rusqlite::Result<()> {
    let sql = "INSERT INTO name_keys (user_id, kind, key) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let mut statement = db.prepare_cached(sql)?;
    keys.iter().try_for_each(|key| statement.execute(params![id, kind, key]).map(drop))
}

/// All usernames in the order of their ids. The file may be of any release, and may be served at the same time.
/// Nothing is written.
///
/// # Errors
/// If the file is not a database of ours.
pub fn usernames(path: &Path) -> Result<Vec<(i64, String)>, OpenError> {
    let path = followed(path);
    if !path.exists() {
        return Err(OpenError::Missing(path));
    }
    check_names(&path)?;
    let sql_error = |error| OpenError::of(&path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&path, flags).map_err(sql_error)?;
    db.busy_timeout(PATIENCE).map_err(sql_error)?;
    if schema::recognise(&db).map_err(sql_error)? == schema::Found::Foreign {
        return Err(OpenError::Foreign(path));
    }
    let all = || {
        // A file of the earlier Go server may contain values of any type.
        let sql = "SELECT id, username FROM users
                   WHERE typeof(id) = 'integer' AND typeof(username) = 'text' ORDER BY id";
        let mut statement = db.prepare(sql)?;
        let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<_>>()
    };
    all().map_err(sql_error)
}
