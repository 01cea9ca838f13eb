//! Statements about accounts.

use async_trait::async_trait;
use chat_core::Result;
use chat_core::accounts::{
    Account, AccountQuery, AccountStore, Credentials, LastMessage, LoginName, NewAccount, Taken, check_free,
    folded,
};
use chat_core::ids::UserId;
use chat_core::names::{login_keys, wanted};
use chat_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::writer::Tx;
use crate::{Sqlite, fault, names};

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
                let sql = "UPDATE users SET password_hash = ?1 WHERE id = ?2 AND password_hash = ?3";
                Ok(tx.prepare_cached(sql)?.execute(params![new, user.0, old]).map(drop)?)
            })
            .await
    }

    async fn bcrypt_hash(&self) -> Result<Option<String>> {
        self.readers
            .read(move |db| {
                let sql = "SELECT password_hash FROM users WHERE substr(password_hash, 1, 2) = '$2'
                           ORDER BY substr(password_hash, 5, 2) DESC LIMIT 1";
                Ok(db.prepare_cached(sql)?.query_row((), |row| row.get(0)).optional()?)
            })
            .await
    }

    async fn demo_accounts(&self) -> Result<Vec<Account>> {
        self.readers
            .read(move |db| {
                let sql = "SELECT id, username, email, created_at FROM users WHERE demo = 1 ORDER BY id";
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map((), account)?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }
}

/// Whether an account with this id exists.
pub(crate) fn exists(db: &Connection, id: UserId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM users WHERE id = ?1")?.exists([id.0])
}

fn create(tx: &Tx<'_>, new: &NewAccount) -> fault::Result<Account> {
    let (username_key, email_key) = (folded(&new.username), folded(&new.email));
    let mut has_name = tx.prepare_cached("SELECT 1 FROM users WHERE username_key = ?1")?;
    let mut has_email = tx.prepare_cached("SELECT 1 FROM users WHERE email_key = ?1")?;
    let mut email = false;
    for key in login_keys(&new.email) {
        email |= has_email.exists([key])?;
    }
    let (username, look) = (has_name.exists([&username_key])?, names::is_mistakable(tx, &new.username)?);
    check_free(Taken { username, look, email })?;
    let sql = "INSERT INTO users (username, username_key, email, email_key, password_hash, created_at, demo)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    tx.prepare_cached(sql)?.execute(params![
        new.username,
        username_key,
        new.email,
        email_key,
        new.password_hash,
        new.at.0,
        new.is_demo
    ])?;
    let id = UserId(tx.last_insert_rowid());
    names::catch_up(tx)?;
    Ok(Account { id, username: new.username.clone(), email: new.email.clone(), created_at: new.at })
}

fn credentials(db: &Connection, name: &LoginName) -> fault::Result<Option<Credentials>> {
    let (sql, typed) = match name {
        LoginName::Email(email) => (
            "SELECT id, username, email, created_at, password_hash, tokens_from, demo FROM users WHERE email_key = ?1",
            email,
        ),
        LoginName::Username(username) => (
            "SELECT id, username, email, created_at, password_hash, tokens_from, demo FROM users
             WHERE username_key = ?1",
            username,
        ),
    };
    let mut statement = db.prepare_cached(sql)?;
    for key in login_keys(typed) {
        let found = statement.query_row([key], |row| {
            Ok(Credentials {
                account: account(row)?,
                password_hash: row.get(4)?,
                tokens_from: row.get(5)?,
                is_demo: row.get(6)?,
            })
        });
        if let Some(found) = found.optional()? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn accounts(db: &Connection, query: &AccountQuery) -> fault::Result<Vec<Account>> {
    let wanted = query.prefix.as_deref().map(wanted).unwrap_or_default();
    if !wanted.is_empty() {
        return names::found(db, &wanted, query);
    }
    let sql = "SELECT id, username, email, created_at FROM users WHERE id > ?1 ORDER BY id LIMIT ?2";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![query.after.0, query.limit], account)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn with_last_message(
    db: &Connection,
    reader: UserId,
    query: &AccountQuery,
) -> fault::Result<Vec<(Account, Option<LastMessage>)>> {
    let sql = "SELECT m.content, m.sent_at, m.sender_id FROM directs d
               JOIN messages m ON m.id = (
                   SELECT x.id FROM messages x
                   WHERE x.conversation_id = d.conversation_id AND NOT EXISTS (
                       SELECT 1 FROM hidden_messages h WHERE h.user_id = ?1 AND h.message_id = x.id)
                   ORDER BY x.seq DESC LIMIT 1)
               WHERE d.low = min(?1, ?2) AND d.high = max(?1, ?2)";
    // Both queries must see the same moment.
    let snapshot = db.unchecked_transaction()?;
    let mut statement = snapshot.prepare_cached(sql)?;
    let with_theirs = |account: Account| {
        let last = statement.query_row([reader.0, account.id.0], |row| {
            Ok(LastMessage {
                content: row.get(0)?,
                sent_at: Timestamp(row.get(1)?),
                sender: UserId(row.get(2)?),
            })
        });
        Ok((account, last.optional()?))
    };
    accounts(&snapshot, query)?.into_iter().map(with_theirs).collect()
}

pub(crate) fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        id: UserId(row.get(0)?),
        username: row.get(1)?,
        email: row.get(2)?,
        created_at: Timestamp(row.get(3)?),
    })
}
