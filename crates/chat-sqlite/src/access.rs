//! Statements about tokens that are no longer valid.

use async_trait::async_trait;
use chat_core::Result;
use chat_core::access::{self, AccessStore, Ended, Fingerprint, REMEMBERED_S, Revoked};
use chat_core::ids::UserId;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::writer::Tx;
use crate::{Sqlite, fault};

#[async_trait]
impl AccessStore for Sqlite {
    async fn revoke(&self, ended: Ended) -> Result<Ended> {
        self.writer.write(move |tx| revoke(tx, ended)).await
    }

    async fn change_password(&self, ended: Ended, old: String, new: String) -> Result<Ended> {
        self.writer.write(move |tx| change_password(tx, ended, &old, &new)).await
    }

    async fn revocations(&self, now: i64) -> Result<Vec<Ended>> {
        self.readers.read(move |db| revocations(db, now)).await
    }
}

fn revoke(tx: &Tx<'_>, ended: Ended) -> fault::Result<Ended> {
    let sql = "SELECT tokens_from FROM users WHERE id = ?1";
    let found = tx.prepare_cached(sql)?.query_row([ended.user.0], |row| row.get(0)).optional()?;
    let ended = access::decide(ended, found)?;
    match ended.which {
        Revoked::One { token, expires_at } => {
            forget_expired(tx)?;
            let sql = "INSERT INTO revoked_tokens (fingerprint, user_id, expires_at) VALUES (?1, ?2, ?3)
                       ON CONFLICT DO NOTHING";
            tx.prepare_cached(sql)?.execute(params![token.0, ended.user.0, expires_at])?;
        }
        Revoked::IssuedBefore(second) => {
            let sql = "UPDATE users SET tokens_from = ?2 WHERE id = ?1";
            tx.prepare_cached(sql)?.execute([ended.user.0, second])?;
        }
    }
    Ok(ended)
}

/// Keeps the table of revoked tokens from growing for ever.
fn forget_expired(tx: &Tx<'_>) -> rusqlite::Result<()> {
    let sql = "DELETE FROM revoked_tokens WHERE expires_at < unixepoch() - ?1";
    tx.prepare_cached(sql)?.execute([REMEMBERED_S]).map(drop)
}

fn change_password(tx: &Tx<'_>, ended: Ended, old: &str, new: &str) -> fault::Result<Ended> {
    let sql = "SELECT password_hash FROM users WHERE id = ?1";
    let hash: Option<String> =
        tx.prepare_cached(sql)?.query_row([ended.user.0], |row| row.get(0)).optional()?;
    access::check_unchanged(hash.as_deref(), old)?;
    tx.note_deletion();
    let sql = "UPDATE users SET password_hash = ?2 WHERE id = ?1";
    tx.prepare_cached(sql)?.execute(params![ended.user.0, new])?;
    revoke(tx, ended)
}

fn revocations(db: &Connection, now: i64) -> fault::Result<Vec<Ended>> {
    // This code does not know how long tokens are valid, so it returns every user who ever ended all of their tokens.
    let sql = "SELECT id, tokens_from, NULL FROM users WHERE tokens_from > 0
               UNION ALL
               SELECT user_id, expires_at, fingerprint FROM revoked_tokens WHERE expires_at > ?1";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([now], ended)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn ended(row: &Row<'_>) -> rusqlite::Result<Ended> {
    let (user, second) = (UserId(row.get(0)?), row.get(1)?);
    let which = match row.get::<_, Option<[u8; 16]>>(2)? {
        Some(token) => Revoked::One { token: Fingerprint(token), expires_at: second },
        None => Revoked::IssuedBefore(second),
    };
    Ok(Ended { user, which })
}
