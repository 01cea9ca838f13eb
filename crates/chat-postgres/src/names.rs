//! Keys derived from usernames, so that users are found by the words of their names and no name can be
//! mistaken for another. Only the core knows their meaning.
//!
//! Users without keys (created by a node of the previous release, or moved here) have larger ids than all
//! users with keys, because ids are given out under the log's lock. They are searched name by name. They get
//! their keys with the next user who registers here, or at the next start.

use chat_core::accounts::{Account, AccountQuery};
use chat_core::names;

use crate::accounts::account;
use crate::connect::Address;
use crate::db::Db;
use crate::error::OpenError;
use crate::fault::Result;
use crate::home;
use crate::open::{Options, connect};

/// Number of users who get their keys in one transaction at the start, while nobody else can write.
const BATCH: i64 = 2000;

/// Returns whether another user has a name that could be mistaken for this one.
pub(crate) fn is_mistakable(db: &Db, name: &str) -> Result<bool> {
    let sql = "SELECT u.username FROM name_keys k JOIN users u ON u.id = k.user_id
               WHERE k.kind = 'look' AND k.key = ANY ($1)";
    for row in db.rows(sql, &[&names::looks(name)])? {
        if names::is_mistakable(row.try_get(0)?, name) {
            return Ok(true);
        }
    }
    Ok(without_keys(db, i64::MAX)?.iter().any(|(_, other)| names::is_mistakable(other, name)))
}

/// Adds the keys of all users without keys. The caller holds the log's lock.
pub(crate) fn catch_up(db: &Db) -> Result<()> {
    add_keys(db, i64::MAX).map(drop)
}

/// Adds the keys of all users without keys, before anything is served. Other nodes may be running.
pub(crate) fn catch_up_in_batches(db: &Db) -> Result<()> {
    loop {
        db.batch("BEGIN")?;
        let added = db.row("SELECT position FROM log FOR UPDATE", &[]).and_then(|_| add_keys(db, BATCH));
        db.batch(if added.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        if added? == 0 {
            return Ok(());
        }
    }
}

/// Returns accounts with a name that has a word with this prefix, by id.
pub(crate) fn found(db: &Db, wanted: &str, query: &AccountQuery) -> Result<Vec<Account>> {
    let limit = i64::from(query.limit);
    // OFFSET keeps the planner from searching for a rare name in the order of the ids.
    let sql = "SELECT id, username, email, created_at FROM users
               WHERE id IN (SELECT user_id FROM name_keys
                            WHERE kind = 'word' AND key >= $2 AND key < $3 AND user_id > $1 OFFSET 0)
               ORDER BY id LIMIT $4";
    let rows = db.rows(sql, &[&query.after.0, &wanted, &names::end_of(wanted), &limit])?;
    let mut found = rows.iter().map(account).collect::<Result<Vec<_>>>()?;
    let sql = "SELECT id, username, email, created_at FROM users
               WHERE id > greatest($1, (SELECT coalesce(max(user_id), 0) FROM name_keys)) ORDER BY id";
    for late in db.rows(sql, &[&query.after.0])? {
        found.push(account(&late)?);
    }
    found.retain(|account| names::is_found(&account.username, wanted));
    found.truncate(query.limit.into());
    Ok(found)
}

/// Adds keys for at most this number of users. Returns how many got theirs.
fn add_keys(db: &Db, at_most: i64) -> Result<usize> {
    let late = without_keys(db, at_most)?;
    let (mut ids, mut kinds, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for (id, name) in &late {
        for (kind, made) in [("look", names::looks(name)), ("word", names::beginnings(name))] {
            ids.extend(made.iter().map(|_| *id));
            kinds.extend(made.iter().map(|_| kind));
            keys.extend(made);
        }
    }
    if !ids.is_empty() {
        let sql = "INSERT INTO name_keys (user_id, kind, key)
                   SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING";
        db.execute(sql, &[&ids, &kinds, &keys])?;
    }
    Ok(late.len())
}

fn without_keys(db: &Db, at_most: i64) -> Result<Vec<(i64, String)>> {
    let sql = "SELECT id, username FROM users
               WHERE id > (SELECT coalesce(max(user_id), 0) FROM name_keys) ORDER BY id LIMIT $1";
    let rows = db.rows(sql, &[&at_most])?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Returns all usernames by id, from a database that may be served meanwhile. Writes nothing. Blocks.
///
/// # Errors
/// If the database cannot be reached or has no ChatServer tables.
pub fn usernames(options: &Options) -> std::result::Result<Vec<(i64, String)>, OpenError> {
    let address = Address::parse(&options.url)?;
    let db = connect(&address)?;
    home::use_existing(&db, options, &address.describe())?;
    let rows = db.rows("SELECT id, username FROM users ORDER BY id", &[])?;
    let name = |row: &tokio_postgres::Row| -> Result<_> { Ok((row.try_get(0)?, row.try_get(1)?)) };
    Ok(rows.iter().map(name).collect::<Result<_>>()?)
}
