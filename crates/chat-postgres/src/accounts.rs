//! Statements about accounts.

use std::collections::HashMap;

use async_trait::async_trait;
use chat_core::Result;
use chat_core::accounts::{
    Account, AccountQuery, AccountStore, Credentials, LastMessage, LoginName, NewAccount, Taken, check_free,
    folded,
};
use chat_core::ids::UserId;
use chat_core::names::{login_keys, wanted};
use chat_core::time::Timestamp;
use tokio_postgres::Row;

use crate::db::Db;
use crate::writer::Tx;
use crate::{Postgres, fault, names};

#[async_trait]
impl AccountStore for Postgres {
    async fn create_account(&self, new: NewAccount) -> Result<Account> {
        self.writer.write(move |tx| create(tx, &new)).await
    }

    async fn account(&self, id: UserId) -> Result<Option<Account>> {
        self.readers
            .read(move |db| {
                let sql = "SELECT id, username, email, created_at FROM users WHERE id = $1";
                db.opt(sql, &[&id.0])?.as_ref().map(account).transpose()
            })
            .await
    }

    async fn accounts(&self, query: AccountQuery) -> Result<Vec<Account>> {
        self.readers.read(move |db| accounts(db, &query)).await
    }

    async fn accounts_with_last_message(
        &self,
        reader: UserId,
        query: AccountQuery,
    ) -> Result<Vec<(Account, Option<LastMessage>)>> {
        self.readers.read(move |db| with_last_message(db, reader, &query)).await
    }

    async fn credentials(&self, name: LoginName) -> Result<Option<Credentials>> {
        self.readers.read(move |db| credentials(db, &name)).await
    }

    async fn replace_password_hash(&self, user: UserId, old: String, new: String) -> Result<()> {
        self.writer
            .write(move |tx| {
                let sql = "UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3";
                tx.execute(sql, &[&new, &user.0, &old]).map(drop)
            })
            .await
    }

    async fn bcrypt_hash(&self) -> Result<Option<String>> {
        self.readers
            .read(move |db| {
                let sql = "SELECT password_hash FROM users WHERE substr(password_hash, 1, 2) = '$2'
                           ORDER BY substr(password_hash, 5, 2) DESC LIMIT 1";
                Ok(db.opt(sql, &[])?.map(|row| row.try_get(0)).transpose()?)
            })
            .await
    }

    async fn demo_accounts(&self) -> Result<Vec<Account>> {
        self.readers
            .read(move |db| {
                let sql = "SELECT id, username, email, created_at FROM users WHERE demo ORDER BY id";
                db.rows(sql, &[])?.iter().map(account).collect()
            })
            .await
    }
}

/// Returns whether an account with this id exists.
pub(crate) fn exists(db: &Db, id: UserId) -> fault::Result<bool> {
    db.exists("SELECT 1 FROM users WHERE id = $1", &[&id.0])
}

fn create(tx: &Tx<'_>, new: &NewAccount) -> fault::Result<Account> {
    let (username_key, email_key) = (folded(&new.username), folded(&new.email));
    let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE username_key = $1),
                      EXISTS (SELECT 1 FROM users WHERE email_key = ANY ($2))";
    let taken = tx.row(sql, &[&username_key, &login_keys(&new.email)])?;
    let look = names::is_mistakable(tx, &new.username)?;
    check_free(Taken { username: taken.try_get(0)?, look, email: taken.try_get(1)? })?;
    let sql = "INSERT INTO users (username, username_key, email, email_key, password_hash, created_at, demo)
               VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id, username, email, created_at";
    let NewAccount { username, email, password_hash, is_demo, at } = new;
    let made = tx.row(sql, &[username, &username_key, email, &email_key, password_hash, &at.0, is_demo])?;
    names::catch_up(tx)?;
    account(&made)
}

fn accounts(db: &Db, query: &AccountQuery) -> fault::Result<Vec<Account>> {
    let wanted = query.prefix.as_deref().map(wanted).unwrap_or_default();
    if !wanted.is_empty() {
        return names::found(db, &storable(&wanted), query);
    }
    let sql = "SELECT id, username, email, created_at FROM users WHERE id > $1 ORDER BY id LIMIT $2";
    db.rows(sql, &[&query.after.0, &i64::from(query.limit)])?.iter().map(account).collect()
}

/// PostgreSQL cannot store U+0000. No name contains its replacement either.
fn storable(key: &str) -> String {
    key.replace('\0', "\u{1}")
}

fn credentials(db: &Db, name: &LoginName) -> fault::Result<Option<Credentials>> {
    let (sql, typed) = match name {
        LoginName::Email(email) => (
            "SELECT id, username, email, created_at, password_hash, tokens_from, demo FROM users WHERE email_key = $1",
            email,
        ),
        LoginName::Username(username) => (
            "SELECT id, username, email, created_at, password_hash, tokens_from, demo FROM users
             WHERE username_key = $1",
            username,
        ),
    };
    for key in login_keys(typed) {
        if let Some(row) = db.opt(sql, &[&storable(&key)])? {
            return Ok(Some(Credentials {
                account: account(&row)?,
                password_hash: row.try_get(4)?,
                tokens_from: row.try_get(5)?,
                is_demo: row.try_get(6)?,
            }));
        }
    }
    Ok(None)
}

fn with_last_message(
    db: &Db,
    reader: UserId,
    query: &AccountQuery,
) -> fault::Result<Vec<(Account, Option<LastMessage>)>> {
    let accounts = accounts(db, query)?;
    let mut last = last_messages(db, reader, &accounts)?;
    let with_theirs = |account: Account| {
        let theirs = last.remove(&account.id);
        (account, theirs)
    };
    Ok(accounts.into_iter().map(with_theirs).collect())
}

/// Returns, for each of these users, the last message of their conversation with the reader, if there is one
/// that the reader sees.
fn last_messages(db: &Db, reader: UserId, others: &[Account]) -> fault::Result<HashMap<UserId, LastMessage>> {
    let sql = "SELECT u.id, m.content, m.sent_at, m.sender_id
               FROM UNNEST($2::bigint[]) AS u (id)
               JOIN directs d ON d.low = least(u.id, $1) AND d.high = greatest(u.id, $1)
               JOIN LATERAL (
                   SELECT x.content, x.sent_at, x.sender_id FROM messages x
                   WHERE x.conversation_id = d.conversation_id AND NOT EXISTS (
                       SELECT 1 FROM hidden_messages h WHERE h.user_id = $1 AND h.message_id = x.id)
                   ORDER BY x.seq DESC LIMIT 1) m ON true";
    let ids: Vec<i64> = others.iter().map(|account| account.id.0).collect();
    let rows = db.rows(sql, &[&reader.0, &ids])?;
    let last = |row: &Row| {
        let (sent_at, sender) = (Timestamp(row.try_get(2)?), UserId(row.try_get(3)?));
        Ok((UserId(row.try_get(0)?), LastMessage { content: row.try_get(1)?, sent_at, sender }))
    };
    rows.iter().map(last).collect()
}

pub(crate) fn account(row: &Row) -> fault::Result<Account> {
    Ok(Account {
        id: UserId(row.try_get(0)?),
        username: row.try_get(1)?,
        email: row.try_get(2)?,
        created_at: Timestamp(row.try_get(3)?),
    })
}
