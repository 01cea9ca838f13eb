//! Statements about accounts.

use std::collections::HashMap;

use async_trait::async_trait;
use chat_core::accounts::{
    Account, AccountQuery, AccountStore, Credentials, LastMessage, LoginName, NewAccount, folded,
};
use chat_core::ids::UserId;
use chat_core::time::Timestamp;
use chat_core::{Error, Result};
use tokio_postgres::Row;

use crate::db::Db;
use crate::writer::Tx;
use crate::{Postgres, fault};

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
}

/// Whether there is an account of that number.
pub(crate) fn exists(db: &Db, id: UserId) -> fault::Result<bool> {
    db.exists("SELECT 1 FROM users WHERE id = $1", &[&id.0])
}

fn create(tx: &Tx<'_>, new: &NewAccount) -> fault::Result<Account> {
    let (username_key, email_key) = (folded(&new.username), folded(&new.email));
    let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE username_key = $1),
                      EXISTS (SELECT 1 FROM users WHERE email_key = $2)";
    let taken = tx.row(sql, &[&username_key, &email_key])?;
    if taken.try_get(0)? {
        return Err(Error::Taken("username").into());
    }
    if taken.try_get(1)? {
        return Err(Error::Taken("email").into());
    }
    let sql = "INSERT INTO users (username, username_key, email, email_key, password_hash, created_at)
               VALUES ($1, $2, $3, $4, $5, $6) RETURNING id, username, email, created_at";
    let NewAccount { username, email, password_hash, at } = new;
    account(&tx.row(sql, &[username, &username_key, email, &email_key, password_hash, &at.0])?)
}

fn accounts(db: &Db, query: &AccountQuery) -> fault::Result<Vec<Account>> {
    let limit = i64::from(query.limit);
    let prefix = query.prefix.as_deref().map(key).unwrap_or_default();
    let rows = if prefix.is_empty() {
        let sql = "SELECT id, username, email, created_at FROM users WHERE id > $1 ORDER BY id LIMIT $2";
        db.rows(sql, &[&query.after.0, &limit])?
    } else {
        // OFFSET keeps the planner from looking for a rare name in the order of the ids.
        let sql = "SELECT id, username, email, created_at FROM (
                       SELECT * FROM users WHERE username_key >= $2 AND username_key < $3 OFFSET 0) AS u
                   WHERE id > $1 ORDER BY id LIMIT $4";
        db.rows(sql, &[&query.after.0, &prefix, &end_of(&prefix), &limit])?
    };
    rows.iter().map(account).collect()
}

/// What comes after all names that begin so, in the order of the characters' numbers.
fn end_of(prefix: &str) -> String {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            end.push(next);
            return end;
        }
    }
    // After the last character there is no other; but no name is that long.
    char::MAX.to_string().repeat(200)
}

/// The form by which a name that somebody typed is looked up. PostgreSQL takes no U+0000; like that one, what stands for
/// it is in no name.
fn key(name: &str) -> String {
    folded(name).replace('\0', "\u{1}")
}

fn credentials(db: &Db, name: &LoginName) -> fault::Result<Option<Credentials>> {
    let (sql, key) = match name {
        LoginName::Email(email) => (
            "SELECT id, username, email, created_at, password_hash, tokens_from FROM users WHERE email_key = $1",
            key(email),
        ),
        LoginName::Username(username) => (
            "SELECT id, username, email, created_at, password_hash, tokens_from FROM users WHERE username_key = $1",
            key(username),
        ),
    };
    let Some(row) = db.opt(sql, &[&key])? else { return Ok(None) };
    Ok(Some(Credentials {
        account: account(&row)?,
        password_hash: row.try_get(4)?,
        tokens_from: row.try_get(5)?,
    }))
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

/// The last message that the reader sees in the conversation with each of these who has one.
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

fn account(row: &Row) -> fault::Result<Account> {
    Ok(Account {
        id: UserId(row.try_get(0)?),
        username: row.try_get(1)?,
        email: row.try_get(2)?,
        created_at: Timestamp(row.try_get(3)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_begin_so_come_before_the_end() {
        for prefix in ["t", "tom", "to\u{d7ff}", "tom\u{10ffff}", "\u{10ffff}"] {
            let end = end_of(prefix);
            assert!(prefix < end.as_str(), "{prefix:?}");
            assert!(format!("{prefix}\u{10ffff}\u{10ffff}") < end, "{prefix:?}");
        }
        assert_eq!(end_of("tom"), "ton");
        assert_eq!(end_of("to\u{d7ff}"), "to\u{e000}", "there are no characters between these");
        assert_eq!(end_of("tom\u{10ffff}"), "ton");
    }
}
