//! Keys derived from usernames, by which users are found by the words of their names, and names that look alike are
//! detected. Only the core knows what the keys mean.
//!
//! Users without keys (created by other means than registering) have larger ids than all users with keys. They are
//! compared name by name, and get their keys when the next user registers.

use std::path::Path;
use std::time::Duration;

use chat_core::accounts::{Account, AccountQuery};
use chat_core::names;
use rusqlite::{Connection, OpenFlags};

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
        add(db, id, "start", names::starts(&name))?;
    }
    Ok(())
}

/// Largest id of a user with keys: every name has the empty start.
const LAST_WITH_KEYS: &str =
    "SELECT coalesce(max(user_id), 0) FROM name_keys WHERE kind = 'start' AND key = ''";
/// Users with a start, in the order in which the index has them. The name of the index keeps SQLite from walking
/// through all users for a rare start.
const WITH_START: &str = "SELECT u.id, u.username, u.email, u.created_at
    FROM name_keys k INDEXED BY name_keys_by_key CROSS JOIN users u ON u.id = k.user_id
    WHERE k.kind = 'start' AND k.key = ?1 AND k.user_id > ?2 AND k.user_id <= ?3 ORDER BY k.user_id";
const AFTER: &str = "SELECT id, username, email, created_at FROM users WHERE id > ?1 ORDER BY id";

/// Accounts with a word in their name that begins with `wanted`, in the order of their ids. Reads about as many rows
/// as it returns.
pub(crate) fn found(db: &Connection, wanted: &str, query: &AccountQuery) -> fault::Result<Vec<Account>> {
    // Read first: users who get keys afterwards are found among those without.
    let last = last_with_keys(db)?;
    let mut keyed = db.prepare_cached(WITH_START)?;
    let mut others = db.prepare_cached(AFTER)?;
    let keyed = keyed.query_map((names::start_of(wanted), query.after.0, last), account)?;
    let others = others.query_map([query.after.0.max(last)], account)?;
    let is_found = |account: &rusqlite::Result<Account>| {
        account.as_ref().map_or(true, |account| names::is_found(&account.username, wanted))
    };
    Ok(keyed.chain(others).filter(is_found).take(query.limit.into()).collect::<rusqlite::Result<_>>()?)
}

fn last_with_keys(db: &Connection) -> rusqlite::Result<i64> {
    db.prepare_cached(LAST_WITH_KEYS)?.query_row((), |row| row.get(0))
}

fn without_keys(db: &Connection) -> rusqlite::Result<Vec<(i64, String)>> {
    let mut statement = db.prepare_cached("SELECT id, username FROM users WHERE id > ?1 ORDER BY id")?;
    let rows = statement.query_map([last_with_keys(db)?], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

fn add(db: &Connection, id: i64, kind: &str, keys: impl IntoIterator<Item = String>) -> rusqlite::Result<()> {
    let sql = "INSERT INTO name_keys (user_id, kind, key) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let mut statement = db.prepare_cached(sql)?;
    keys.into_iter().try_for_each(|key| statement.execute((id, kind, key)).map(drop))
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

#[cfg(test)]
mod tests {
    use chat_core::ids::UserId;
    use rusqlite::StatementStatus;

    use super::*;

    const USERS: i64 = 4000;
    const LIMIT: u16 = 20;

    /// A database in which every name begins with `user`; a second word is `early` for the first half of the users,
    /// and `late` for the rest.
    fn crowd() -> Connection {
        let mut db = Connection::open_in_memory().unwrap();
        schema::migrate(&mut db, 0).unwrap();
        let sql = "INSERT INTO users (username, username_key, email, email_key, password_hash, created_at)
                   VALUES (?1, ?1, ?1, ?1, 'x', 0)";
        let tx = db.transaction().unwrap();
        for number in 1..=USERS {
            let half = if number <= USERS / 2 { "early" } else { "late" };
            tx.execute(sql, [format!("user{number}-{half}")]).unwrap();
        }
        catch_up(&tx).unwrap();
        tx.commit().unwrap();
        db
    }

    /// Steps of SQLite's machine for one search.
    fn steps(db: &Connection, wanted: &str, after: i64) -> (usize, i32) {
        let all = [LAST_WITH_KEYS, WITH_START, AFTER];
        let of = |sql| db.prepare_cached(sql).unwrap().reset_status(StatementStatus::VmStep);
        let _before = all.map(of);
        let query = AccountQuery { prefix: Some(wanted.into()), after: UserId(after), limit: LIMIT };
        let found = found(db, wanted, &query).unwrap();
        (found.len(), all.map(of).into_iter().sum())
    }

    #[test]
    fn a_search_reads_about_as_many_rows_as_it_returns() {
        let db = crowd();
        let full = usize::from(LIMIT);
        for (wanted, after, expected) in [
            ("u", 0, full),
            ("user", 0, full),
            ("user", USERS - 5, 5),
            ("e", 0, full),
            ("early", USERS / 2, 0),
            ("l", 0, full),
            ("late", 1, full),
            ("user3999-late", 0, 1),
            ("x", 0, 0),
            ("user1-early and something that is longer than a name", 0, 0),
        ] {
            let (found, steps) = steps(&db, wanted, after);
            assert_eq!(found, expected, "{wanted:?} after {after}");
            assert!((1..500).contains(&steps), "{steps} steps for {wanted:?} after {after}");
        }
    }
}
