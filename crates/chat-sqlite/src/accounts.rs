//! Statements about accounts.

use async_trait::async_trait;
use chat_core::accounts::{
    Account, AccountQuery, AccountStore, Credentials, LastMessage, LoginName, NewAccount, folded,
};
use chat_core::ids::UserId;
use chat_core::time::Timestamp;
use chat_core::{Error, Result};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::writer::Tx;
use crate::{Sqlite, fault};

#[async_trait]
impl AccountStore for Sqlite {
    async fn create_account(&self, new: NewAccount) -> Result<Account> {
        self.writer.write(move |tx| create(tx, &new)).await
    }

    async fn account(&self, id: UserId) -> Result<Option<Account>> {
        self.readers
            .read(move |db| {
                let sql = "SELECT id, username, email, created_at FROM users WHERE id = ?1";
                Ok(db.prepare_cached(sql)?.query_row([id.0], account).optional()?)
            })
            .await
    }

    async fn accounts(&self, query: AccountQuery) -> Result<Vec<Account>> {
        self.readers
            .read(move |db| {
                let sql = "SELECT id, username, email, created_at FROM users
                           WHERE id > ?1 AND substr(username_key, 1, length(?2)) = ?2 ORDER BY id LIMIT ?3";
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map(page(&query), account)?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await
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
                let sql = "UPDATE users SET password_hash = ?1 WHERE id = ?2 AND password_hash = ?3";
                Ok(tx.prepare_cached(sql)?.execute(params![new, user.0, old]).map(drop)?)
            })
            .await
    }
}

/// Whether there is an account of that number.
pub(crate) fn exists(db: &Connection, id: UserId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM users WHERE id = ?1")?.exists([id.0])
}

fn create(tx: &Tx<'_>, new: &NewAccount) -> fault::Result<Account> {
    let (username_key, email_key) = (folded(&new.username), folded(&new.email));
    if tx.prepare_cached("SELECT 1 FROM users WHERE username_key = ?1")?.exists([&username_key])? {
        return Err(Error::Taken("username").into());
    }
    if tx.prepare_cached("SELECT 1 FROM users WHERE email_key = ?1")?.exists([&email_key])? {
        return Err(Error::Taken("email").into());
    }
    let sql = "INSERT INTO users (username, username_key, email, email_key, password_hash, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    tx.prepare_cached(sql)?.execute(params![
        new.username,
        username_key,
        new.email,
        email_key,
        new.password_hash,
        new.at.0
    ])?;
    Ok(Account {
        id: UserId(tx.last_insert_rowid()),
        username: new.username.clone(),
        email: new.email.clone(),
        created_at: new.at,
    })
}

fn credentials(db: &Connection, name: &LoginName) -> fault::Result<Option<Credentials>> {
    let (sql, key) = match name {
        LoginName::Email(email) => (
            "SELECT id, username, email, created_at, password_hash, tokens_from FROM users WHERE email_key = ?1",
            folded(email),
        ),
        LoginName::Username(username) => (
            "SELECT id, username, email, created_at, password_hash, tokens_from FROM users WHERE username_key = ?1",
            folded(username),
        ),
    };
    let found = db.prepare_cached(sql)?.query_row([key], |row| {
        Ok(Credentials { account: account(row)?, password_hash: row.get(4)?, tokens_from: row.get(5)? })
    });
    Ok(found.optional()?)
}

fn with_last_message(
    db: &Connection,
    reader: UserId,
    query: &AccountQuery,
) -> fault::Result<Vec<(Account, Option<LastMessage>)>> {
    let sql = "SELECT u.id, u.username, u.email, u.created_at, m.content, m.sent_at, m.sender_id
               FROM users u
               LEFT JOIN directs d ON d.low = min(u.id, ?4) AND d.high = max(u.id, ?4)
               LEFT JOIN messages m ON m.id = (
                   SELECT x.id FROM messages x
                   WHERE x.conversation_id = d.conversation_id AND NOT EXISTS (
                       SELECT 1 FROM hidden_messages h WHERE h.user_id = ?4 AND h.message_id = x.id)
                   ORDER BY x.seq DESC LIMIT 1)
               WHERE u.id > ?1 AND substr(u.username_key, 1, length(?2)) = ?2 ORDER BY u.id LIMIT ?3";
    let (after, prefix, limit) = page(query);
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![after, prefix, limit, reader.0], |row| {
        let sent_at: Option<i64> = row.get(5)?;
        let last = match sent_at {
            Some(at) => Some(LastMessage {
                content: row.get(4)?,
                sent_at: Timestamp(at),
                sender: UserId(row.get(6)?),
            }),
            None => None,
        };
        Ok((account(row)?, last))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn page(query: &AccountQuery) -> (i64, String, u16) {
    (query.after.0, query.prefix.as_deref().map(folded).unwrap_or_default(), query.limit)
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        id: UserId(row.get(0)?),
        username: row.get(1)?,
        email: row.get(2)?,
        created_at: Timestamp(row.get(3)?),
    })
}
