//! Tests of exporting a file to another store: it yields everything in the file, as it was at one moment.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use chat_core::messages::Recipient;
use chat_core::transfer::{Batch, Kind, Source, TABLES, Table, Value};
use chat_sqlite::{Export, OpenError};
use rusqlite::Connection;

use crate::support::SqliteStore;

/// Tables and columns that are not exported, and why.
const LEFT_OUT: [(&str, &str); 7] = [
    ("log", "its end is given apart from the rows"),
    ("sqlite_sequence", "so are the highest ids"),
    ("name_keys", "they are made of the names again"),
    ("own_counts", "they are counted again"),
    ("unread_corrections", "they are made of the messages again"),
    ("mention_counts", "they are made of the messages again"),
    ("probe", "there is nothing in it"),
];

fn table(name: &str) -> &'static Table {
    TABLES.iter().find(|table| table.name == name).unwrap()
}

fn refused(path: &Path) -> OpenError {
    match Export::open(path) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error,
    }
}

fn all(export: &mut Export, name: &str) -> Batch {
    let batch = export.next(table(name), None, 1000).unwrap();
    assert!(batch.rows.len() < 1000);
    batch
}

/// Name, type, whether it is NOT NULL, and its position in the key if it is part of it.
type ColumnRow = (String, String, bool, usize);

fn columns(db: &Connection, table: &str) -> Vec<ColumnRow> {
    let sql = "SELECT name, type, \"notnull\", pk FROM pragma_table_info(?1)";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([table], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, usize::try_from(row.get::<_, i64>(3)?).unwrap()))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn every_column_is_exported_or_left_out_for_a_reason() {
    let node = SqliteStore::fresh().await;
    let db = Connection::open(&node.path).unwrap();
    let mut names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let names = names.query_map((), |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
    let mut found: BTreeMap<_, _> = names.map(|name| (name.clone(), columns(&db, &name))).collect();
    for (name, _) in LEFT_OUT {
        assert!(found.remove(name).is_some(), "{name} is not there");
    }
    for table in &TABLES {
        let mut columns = found.remove(table.name).unwrap_or_else(|| panic!("{} is not there", table.name));
        // The columns of the key first, in its order, and the others by name.
        columns.sort_by_key(|it| (if it.3 == 0 { usize::MAX } else { it.3 }, it.0.clone()));
        let mut listed: Vec<_> = table.columns.iter().collect();
        listed[table.n_keys..].sort_by_key(|it| it.name);
        assert_eq!(columns.iter().filter(|it| it.3 > 0).count(), table.n_keys, "{}", table.name);
        assert_eq!(columns.len(), listed.len(), "{}: {columns:?}", table.name);
        for ((name, kind, is_required, key_position), listed) in columns.iter().zip(listed) {
            let column = format!("{}.{name}", table.name);
            let of_kind = match listed.kind {
                Kind::Flag | Kind::Integer => "INTEGER",
                Kind::Text => "TEXT",
                Kind::Bytes => "BLOB",
            };
            assert_eq!((name.as_str(), kind.as_str()), (listed.name, of_kind), "{column}");
            assert_eq!(listed.is_optional, !is_required && *key_position == 0, "{column}");
        }
    }
    assert!(found.is_empty(), "these are neither moved nor left out: {:?}", found.keys());
}

#[tokio::test]
async fn an_export_of_a_served_file_is_a_snapshot() {
    let node = SqliteStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    node.say(tom, Recipient::User(jerry), "before").await;
    let mut export = Export::open(&node.path).unwrap();
    let end = export.end().unwrap();
    node.say(tom, Recipient::User(jerry), "after").await;
    node.user("spike").await;
    assert!(!export.is_final());
    assert_eq!(all(&mut export, "users").rows.len(), 2);
    let messages = all(&mut export, "messages").rows;
    assert_eq!(messages.len(), 1);
    assert!(messages[0].contains(&Value::Text("before".into())));
    assert_eq!(export.count(table("messages")).unwrap(), 1);
    assert_eq!(export.end().unwrap(), end);
    assert_eq!((end.users, end.messages), (2, 1));
}

#[tokio::test]
async fn an_export_of_a_file_that_is_not_served_locks_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.db");
    SqliteStore::open(&path).unwrap().users(["tom", "jerry"]).await;
    let export = Export::open(&path).unwrap();
    assert!(export.is_final() && export.backup.is_none());
    assert!(matches!(SqliteStore::open(&path), Err(OpenError::InUse(_))));
    drop(export);
    SqliteStore::open(&path).unwrap();
}

#[tokio::test]
async fn rows_come_in_the_order_of_keys_from_any_key_on() {
    let node = SqliteStore::fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let message = node.say(tom, Recipient::User(jerry), "hello").await;
    node.add_reactions(message.id, "🧀", 10).await;
    node.add_reactions(message.id, "👍", 10).await;
    node.group(spike, &[tom, jerry]).await;
    let mut export = Export::open(&node.path).unwrap();
    for table in &TABLES {
        let whole = export.next(table, None, 1000).unwrap().rows;
        let keys: Vec<_> = whole.iter().map(|row| table.key_of(row).to_vec()).collect();
        let mut sorted = keys.clone();
        sorted.sort();
        assert_eq!(keys, sorted, "{}", table.name);
        let (mut parts, mut last) = (Vec::new(), None::<Vec<Value>>);
        loop {
            let part = export.next(table, last.as_deref(), 3).unwrap().rows;
            let Some(row) = part.last() else { break };
            assert!(part.len() <= 3);
            last = Some(table.key_of(row).to_vec());
            parts.extend(part);
        }
        assert_eq!(parts, whole, "{}", table.name);
    }
    assert_eq!(all(&mut export, "reactions").rows.len(), 20);
}

#[tokio::test]
async fn invalid_text_is_repaired_and_counted() {
    let node = SqliteStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    for text in ["good", "bad", "worse"] {
        node.say(tom, Recipient::User(jerry), text).await;
    }
    let db = Connection::open(&node.path).unwrap();
    db.execute("UPDATE messages SET content = ?1 WHERE content = 'bad'", ["b\0d"]).unwrap();
    let sql = "UPDATE messages SET content = CAST(x'77ff' AS TEXT), media_url = ?1 WHERE content = 'worse'";
    db.execute(sql, ["\0"]).unwrap();
    let mut export = Export::open(&node.path).unwrap();
    let batch = all(&mut export, "messages");
    assert_eq!((batch.n_mended, batch.has_mended_key), (3, false));
    for (row, text) in batch.rows.iter().zip(["good", "b\u{fffd}d", "w\u{fffd}"]) {
        assert!(row.contains(&Value::Text(text.into())), "{row:?}");
    }
    db.execute("INSERT INTO reactions VALUES (1, ?1, 1, 0, 1)", ["a\0"]).unwrap();
    assert!(all(&mut export, "reactions").rows.is_empty(), "it came after the beginning");
    assert!(all(&mut Export::open(&node.path).unwrap(), "reactions").has_mended_key);
}

#[tokio::test]
async fn ids_count_as_given_out_when_their_rows_are_gone() {
    let node = SqliteStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    node.group(tom, &[]).await;
    node.say(tom, Recipient::User(jerry), "hello").await;
    let db = Connection::open(&node.path).unwrap();
    db.execute_batch("DELETE FROM groups; DELETE FROM messages; DELETE FROM users WHERE id = 2").unwrap();
    let end = Export::open(&node.path).unwrap().end().unwrap();
    assert_eq!((end.users, end.groups, end.conversations, end.messages), (2, 1, 2, 1));
    assert_eq!(end.position.0, node.rows().await.log_end);
}

#[tokio::test]
async fn a_long_message_ends_a_range_before_its_time() {
    let node = SqliteStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    for text in ["one", "two", "three"] {
        node.say(tom, Recipient::User(jerry), text).await;
    }
    let db = Connection::open(&node.path).unwrap();
    db.execute("UPDATE messages SET content = ?1", ["x".repeat(6 * 1024 * 1024)]).unwrap();
    let mut export = Export::open(&node.path).unwrap();
    assert_eq!(export.next(table("messages"), None, 1000).unwrap().rows.len(), 2);
}

#[tokio::test]
async fn a_missing_file_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/down/chat.db");
    let error = refused(&path);
    assert!(matches!(error, OpenError::Missing(_)), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A file with the tables of the first release, and one user.
fn first_release(path: &Path) {
    let db = Connection::open(path).unwrap();
    db.execute_batch(include_str!("../../migrations/0001_initial.sql")).unwrap();
    db.execute_batch(
        "PRAGMA application_id = 0x43686174; PRAGMA user_version = 1;
         INSERT INTO users VALUES (7, 'ann', 'ann', 'ann@example.com', 'ann@example.com', 'x', 1)",
    )
    .unwrap();
}

#[tokio::test]
async fn a_file_of_an_earlier_release_is_brought_up_to_date_unless_it_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.db");
    first_release(&path);
    let before = std::fs::read(&path).unwrap();
    let held = File::create(folder.path().join("chat.db.lock")).unwrap();
    held.lock().unwrap();
    let error = refused(&path);
    assert!(matches!(error, OpenError::Outdated(_)), "{error}");
    assert!(std::fs::read(&path).unwrap() == before, "the refused file was changed");
    drop(held);
    let mut export = Export::open(&path).unwrap();
    let backup = export.backup.clone().expect("its former state is kept");
    assert!(std::fs::metadata(backup).unwrap().len() > 0);
    assert_eq!(all(&mut export, "users").rows[0][0], Value::Integer(7));
    assert_ne!(export.epoch().0, 0);
}

#[tokio::test]
async fn another_programs_file_is_refused_in_use_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE recipes (cheese)").unwrap();
    assert!(matches!(refused(&path), OpenError::Foreign(_)));
    let held = File::create(folder.path().join("chat.db.lock")).unwrap();
    held.lock().unwrap();
    assert!(matches!(refused(&path), OpenError::Foreign(_)));
}
