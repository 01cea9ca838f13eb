//! Tests of a file of the previous release, opened by this one.

use std::path::Path;

use chat_core::accounts::{AccountQuery, LoginName};
use chat_core::ids::UserId;
use rusqlite::Connection;

use crate::support::SqliteStore;
use chat_contract::{account, code};

const BEFORE: [&str; 2] =
    [include_str!("../../migrations/0001_initial.sql"), include_str!("../../migrations/0002_stream.sql")];

/// A file of the previous release with these users. The number is the second at which each account was created.
fn old_file(path: &Path, users: &[(&str, &str, i64)]) {
    let db = Connection::open(path).unwrap();
    BEFORE.iter().for_each(|migration| db.execute_batch(migration).unwrap());
    db.pragma_update(None, "application_id", 0x4368_6174).unwrap();
    db.pragma_update(None, "user_version", 2).unwrap();
    for (name, email, second) in users {
        let sql = "INSERT INTO users (username, username_key, email, email_key, password_hash, created_at)
                   VALUES (?1, lower(?1), ?2, lower(?2), 'x', ?3)";
        db.execute(sql, (name, email, 1_000_000 * second)).unwrap();
    }
}

#[tokio::test]
async fn names_of_the_previous_release_are_kept_and_found_and_stay_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.db");
    old_file(&path, &[("Zoë Dupont", "zoe@temp.com", 1), ("bob\u{200b}", "bob@temp.com", 2)]);
    let node = SqliteStore::open(&path).unwrap();
    let query = AccountQuery { prefix: Some("dup".into()), after: UserId(0), limit: 10 };
    let found = node.store.accounts(query).await.unwrap();
    assert_eq!(found.iter().map(|account| account.id.0).collect::<Vec<_>>(), [1]);
    assert_eq!(code(node.store.create_account(account("bob")).await), "username_taken");
    let old = node.store.credentials(LoginName::Username("BOB\u{200b}".into())).await.unwrap().unwrap();
    assert_eq!((old.account.id.0, old.account.username.as_str()), (2, "bob\u{200b}"));
}

#[tokio::test]
async fn demo_users_of_the_previous_release_are_recognised_by_how_they_were_made() {
    let folder = tempfile::tempdir().unwrap();
    let [tom, jerry] = [("tom", "tom@temp.com"), ("jerry", "jerry@temp.com")];
    for (number, (users, n_demo)) in [
        (vec![(tom.0, tom.1, 100), (jerry.0, jerry.1, 101)], 2),
        (vec![(tom.0, tom.1, 100), (jerry.0, jerry.1, 200)], 0),
        (vec![("spike", "spike@temp.com", 99), (tom.0, tom.1, 100), (jerry.0, jerry.1, 101)], 0),
        (vec![(tom.0, tom.1, 100), ("jerry", "other@temp.com", 101)], 0),
        (vec![(tom.0, tom.1, 100)], 0),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(format!("{number}.db"));
        old_file(&path, &users);
        let node = SqliteStore::open(&path).unwrap();
        assert_eq!(node.store.demo_accounts().await.unwrap().len(), n_demo, "{users:?}");
    }
}
