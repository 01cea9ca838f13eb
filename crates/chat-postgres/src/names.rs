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
const BATCH: i64 = 500;

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

/// Returns accounts with a name that has a word with this prefix, by id. Reads about as many rows as it returns.
pub(crate) fn found(db: &Db, wanted: &str, query: &AccountQuery) -> Result<Vec<Account>> {
    let limit = usize::from(query.limit);
    // Read first: users who get keys afterwards are found among those without.
    let (last, newest) = last_ids(db)?;
    let mut found = Vec::new();
    let mut after = query.after.0;
    loop {
        let page = with_start(db, names::start_of(wanted), (after, last), query.limit)?;
        let next = page.last().map(|account| account.id.0).filter(|_| page.len() == limit);
        found.extend(page.into_iter().filter(|account| names::is_found(&account.username, wanted)));
        match next {
            Some(id) if found.len() < limit => after = id,
            _ => break,
        }
    }
    let after = query.after.0.max(last);
    if found.len() < limit && after < newest {
        let sql = "SELECT id, username, email, created_at FROM users WHERE id > $1 ORDER BY id";
        for late in db.rows(sql, &[&after])? {
            found.push(account(&late)?);
        }
        found.retain(|account| names::is_found(&account.username, wanted));
    }
    found.truncate(limit);
    Ok(found)
}

/// Returns the users with this start and ids between the two, the second one included, by id.
fn with_start(db: &Db, start: &str, (after, last): (i64, i64), limit: u16) -> Result<Vec<Account>> {
    // LIMIT and OFFSET keep the planner to the order of the index, and to one look-up for each user.
    let sql = "SELECT u.id, u.username, u.email, u.created_at FROM (
                   SELECT user_id FROM name_keys
                   WHERE kind = 'start' AND key = $1 AND user_id > $2 AND user_id <= $3
                   ORDER BY user_id LIMIT $4) k
               JOIN LATERAL (SELECT * FROM users WHERE id = k.user_id OFFSET 0) u ON true ORDER BY k.user_id";
    db.rows(sql, &[&start, &after, &last, &i64::from(limit)])?.iter().map(account).collect()
}

/// Returns the largest id of a user with keys, and of any user; 0 without users. Every name has the empty start.
fn last_ids(db: &Db) -> Result<(i64, i64)> {
    // ORDER BY, and not max(): a plan that is made for empty tables would read all keys for that.
    let sql = "SELECT coalesce((SELECT user_id FROM name_keys WHERE kind = 'start' AND key = ''
                                ORDER BY user_id DESC LIMIT 1), 0),
                      coalesce((SELECT id FROM users ORDER BY id DESC LIMIT 1), 0)";
    let row = db.row(sql, &[])?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Adds keys for at most this number of users. Returns how many got theirs.
fn add_keys(db: &Db, at_most: i64) -> Result<usize> {
    let late = without_keys(db, at_most)?;
    let (mut ids, mut kinds, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for (id, name) in &late {
        for (kind, made) in [("look", names::looks(name)), ("start", Vec::from_iter(names::starts(name)))] {
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
    let (last, newest) = last_ids(db)?;
    if last >= newest {
        return Ok(Vec::new());
    }
    let sql = "SELECT id, username FROM users WHERE id > $1 ORDER BY id LIMIT $2";
    let rows = db.rows(sql, &[&last, &at_most])?;
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
