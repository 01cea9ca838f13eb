//! Copies the users, who keep their ids and hashes. Names and addresses are now unique without regard to case, which
//! the earlier server did not enforce: the lowest id keeps a name, and the others get their id appended.

use chat_core::accounts::folded;
use chat_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::tally::Tally;
use super::times::Times;
use super::{each, select, values};

/// No password matches this hash, and no scheme produces one that looks like it.
const UNUSABLE_HASH: &str = "!";
/// Longest name that may be registered, in characters. A name with an appended id must not be longer.
const USERNAME_CHARS: usize = 32;

/// Temporary table of the name and address that each id has.
const CLAIMS: &str = "
    CREATE TEMP TABLE claimed_usernames (key TEXT PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TEMP TABLE claimed_emails (key TEXT PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;";
const CLAIM_USERNAME: &str = "INSERT INTO claimed_usernames (key, id) VALUES (?1, ?2)
                              ON CONFLICT DO UPDATE SET id = id RETURNING id";
const CLAIM_EMAIL: &str = "INSERT INTO claimed_emails (key, id) VALUES (?1, ?2)
                           ON CONFLICT DO UPDATE SET id = id RETURNING id";

pub(super) fn copy(db: &Connection, tally: &mut Tally) -> rusqlite::Result<()> {
    db.execute_batch(CLAIMS)?;
    let sql = select(db, "users", &["id", "username", "email", "password", "created_at"], "id")?;
    // Collects all existing names first, so that no appended id takes the name of a later user.
    tally.without_id += each(db, &sql, |id, row| {
        let (username, email) = names(id, row)?;
        claim(db, CLAIM_USERNAME, &username, id)?;
        claim(db, CLAIM_EMAIL, &email, id).map(drop)
    })?;
    let mut times = Times::of_column(db, &select(db, "users", &["created_at"], "id")?)?;
    each(db, &sql, |id, row| {
        let (username, email) = names(id, row)?;
        let password_hash = values::text(row.get_ref(3)?).unwrap_or_else(|| UNUSABLE_HASH.to_owned());
        let kept = add(db, id, (&username, &email), &password_hash, times.read(row, 4)?)?;
        tally.renamed += u64::from(!kept);
        tally.users += 1;
        Ok(())
    })?;
    tally.unreadable_times += times.unreadable;
    Ok(())
}

/// Ensures that an account with this id exists, so that messages of a deleted user are shown under a name.
pub(super) fn ensure(db: &Connection, id: i64, at: Timestamp, tally: &mut Tally) -> rusqlite::Result<()> {
    if crate::accounts::exists(db, chat_core::ids::UserId(id))? {
        return Ok(());
    }
    let (username, email) = (format!("deleted-user-{id}"), format!("deleted-user-{id}@migrated.invalid"));
    add(db, id, (&username, &email), UNUSABLE_HASH, at)?;
    tally.placeholders += 1;
    Ok(())
}

fn names(id: i64, row: &Row<'_>) -> rusqlite::Result<(String, String)> {
    let username = values::text(row.get_ref(1)?).unwrap_or_else(|| format!("user-{id}"));
    let email = values::text(row.get_ref(2)?).unwrap_or_else(|| format!("user-{id}@migrated.invalid"));
    Ok((username, email))
}

/// Adds the account. Returns whether both names were kept unchanged.
fn add(
    db: &Connection,
    id: i64,
    (wished_name, wished_email): (&str, &str),
    password_hash: &str,
    at: Timestamp,
) -> rusqlite::Result<bool> {
    let username = free(db, CLAIM_USERNAME, wished_name, id, username_with)?;
    let email = free(db, CLAIM_EMAIL, wished_email, id, email_with)?;
    let sql = "INSERT INTO users (id, username, username_key, email, email_key, password_hash, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let keys = (folded(&username), folded(&email));
    db.prepare_cached(sql)?.execute(params![id, username, keys.0, email, keys.1, password_hash, at.0])?;
    let kept = username == wished_name && email == wished_email;
    if !kept {
        tracing::warn!(
            user.id = id,
            username,
            email,
            "another user has this name or address; it was changed"
        );
    }
    Ok(kept)
}

/// The wished name if it belongs to this user, otherwise a free name made from it.
fn free(
    db: &Connection,
    claim_sql: &str,
    wished: &str,
    id: i64,
    with: fn(&str, &str) -> String,
) -> rusqlite::Result<String> {
    let mut name = wished.to_owned();
    let mut tries = 0;
    while claim(db, claim_sql, &name, id)? != id {
        tries += 1;
        let suffix = if tries == 1 { id.to_string() } else { format!("{id}-{tries}") };
        name = with(wished, &suffix);
    }
    Ok(name)
}

/// Claims a name unless it is taken. Returns the id that has it.
fn claim(db: &Connection, claim_sql: &str, name: &str, id: i64) -> rusqlite::Result<i64> {
    db.prepare_cached(claim_sql)?.query_row(params![folded(name), id], |row| row.get(0))
}

fn username_with(username: &str, suffix: &str) -> String {
    let room = USERNAME_CHARS.saturating_sub(suffix.len() + 1);
    let kept: String = username.chars().take(room).collect();
    format!("{kept}-{suffix}")
}

fn email_with(email: &str, suffix: &str) -> String {
    match email.rsplit_once('@') {
        Some((name, domain)) => format!("{name}+{suffix}@{domain}"),
        None => format!("{email}+{suffix}"),
    }
}
