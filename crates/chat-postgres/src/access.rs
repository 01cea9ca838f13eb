//! Statements about revoked tokens.

use async_trait::async_trait;
use chat_core::access::{self, AccessStore, Ended, Fingerprint, REMEMBERED_S, Revoked};
use chat_core::ids::UserId;
use chat_core::{Error, Result};
use tokio_postgres::Row;

use crate::db::Db;
use crate::writer::Tx;
use crate::{Postgres, fault};

#[async_trait]
impl AccessStore for Postgres {
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
    let found = tx.opt("SELECT tokens_from FROM users WHERE id = $1", &[&ended.user.0])?;
    let ended = access::decide(ended, found.map(|row| row.try_get(0)).transpose()?)?;
    match ended.which {
        Revoked::One { token, expires_at } => {
            forget_expired(tx)?;
            let sql = "INSERT INTO revoked_tokens (fingerprint, user_id, expires_at) VALUES ($1, $2, $3)
                       ON CONFLICT DO NOTHING";
            tx.execute(sql, &[&token.0.as_slice(), &ended.user.0, &expires_at])?;
        }
        Revoked::IssuedBefore(second) => {
            let sql = "UPDATE users SET tokens_from = $2 WHERE id = $1";
            tx.execute(sql, &[&ended.user.0, &second])?;
        }
    }
    Ok(ended)
}

/// Deletes expired rows, so that the table does not grow without bound.
fn forget_expired(tx: &Tx<'_>) -> fault::Result<()> {
    let sql = "DELETE FROM revoked_tokens WHERE expires_at < extract(epoch FROM now())::bigint - $1";
    tx.execute(sql, &[&REMEMBERED_S]).map(drop)
}

fn change_password(tx: &Tx<'_>, ended: Ended, old: &str, new: &str) -> fault::Result<Ended> {
    let found = tx.opt("SELECT password_hash FROM users WHERE id = $1", &[&ended.user.0])?;
    let hash: Option<String> = found.map(|row| row.try_get(0)).transpose()?;
    access::check_unchanged(hash.as_deref(), old)?;
    tx.execute("UPDATE users SET password_hash = $2 WHERE id = $1", &[&ended.user.0, &new])?;
    revoke(tx, ended)
}

fn revocations(db: &Db, now: i64) -> fault::Result<Vec<Ended>> {
    // The token lifetime is not known here, so the answer includes every user who has ever revoked all their
    // tokens.
    let sql = "SELECT id, tokens_from, NULL::bytea FROM users WHERE tokens_from > 0
               UNION ALL
               SELECT user_id, expires_at, fingerprint FROM revoked_tokens WHERE expires_at > $1";
    db.rows(sql, &[&now])?.iter().map(ended).collect()
}

fn ended(row: &Row) -> fault::Result<Ended> {
    let (user, second) = (UserId(row.try_get(0)?), row.try_get(1)?);
    let which = match row.try_get::<_, Option<&[u8]>>(2)? {
        Some(token) => Revoked::One {
            token: Fingerprint(token.try_into().map_err(Error::internal)?),
            expires_at: second,
        },
        None => Revoked::IssuedBefore(second),
    };
    Ok(Ended { user, which })
}
