//! Tests of the search index, a file beside the database, when it is missing, damaged or belongs to another database.

use std::path::{Path, PathBuf};

use chat_core::ids::UserId;
use chat_core::messages::Recipient;
use rusqlite::Connection;
use tokio::task::JoinSet;

use crate::support::SqliteStore;
use chat_contract::{settle, texts, wait_for};

fn index_of(path: &Path) -> PathBuf {
    path.with_file_name("chat.db-search")
}

/// A store with two messages in its index, closed.
async fn closed() -> (PathBuf, UserId, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let node = SqliteStore::open(&folder.path().join("chat.db")).unwrap();
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    node.say(tom, Recipient::User(jerry), "blue cheese").await;
    node.say(jerry, Recipient::User(tom), "red cheese").await;
    settle(&node).await;
    (node.path.clone(), tom, folder)
}

const BOTH: [&str; 2] = ["red cheese", "blue cheese"];

#[tokio::test]
async fn a_missing_or_damaged_index_is_rebuilt() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 8] = [
        ("nothing", |_| {}),
        ("deleted", |index| std::fs::remove_file(index).unwrap()),
        ("emptied", |index| std::fs::write(index, "").unwrap()),
        ("text", |index| std::fs::write(index, "Dear diary, ".repeat(1000)).unwrap()),
        ("cut off", |index| {
            let whole = std::fs::read(index).unwrap();
            std::fs::write(index, &whole[..whole.len() / 2]).unwrap();
        }),
        ("of the release before", |index| {
            Connection::open(index).unwrap().execute_batch("DROP TABLE forgotten").unwrap();
        }),
        ("another release's", |index| {
            Connection::open(index).unwrap().execute("UPDATE state SET version = 0", ()).unwrap();
        }),
        ("without its tables", |index| {
            Connection::open(index).unwrap().execute_batch("DROP TABLE texts; DROP TABLE state").unwrap();
        }),
    ];
    for (what, harm) in harms {
        let (path, tom, _folder) = closed().await;
        harm(&index_of(&path));
        let node = SqliteStore::open(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
        wait_for(&node, tom, "cheese", &BOTH).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_found_again_after_any_page_of_the_index_is_overwritten() {
    let (path, tom, _folder) = closed().await;
    let whole = std::fs::read(index_of(&path)).unwrap();
    assert!(whole.len() >= 6 * 4096, "{} bytes", whole.len());
    let mut tasks = JoinSet::new();
    for page in 0..whole.len() / 4096 {
        let mut broken = whole.clone();
        let mut noise = u8::try_from(page % 251).unwrap();
        for byte in &mut broken[page * 4096..(page + 1) * 4096] {
            noise = noise.wrapping_mul(141).wrapping_add(91);
            *byte = noise;
        }
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("chat.db");
        std::fs::copy(&path, &copy).unwrap();
        std::fs::write(index_of(&copy), broken).unwrap();
        tasks.spawn(async move {
            let node = SqliteStore::open(&copy).unwrap_or_else(|error| panic!("page {page}: {error}"));
            node.say(tom, Recipient::User(UserId(2)), "green cheese").await;
            wait_for(&node, tom, "cheese", &["green cheese", "red cheese", "blue cheese"]).await;
            drop((node, folder));
        });
    }
    tasks.join_all().await;
}

#[tokio::test]
async fn an_index_that_breaks_in_use_is_rebuilt() {
    for is_emptied in [false, true] {
        let (path, tom, _folder) = closed().await;
        let node = SqliteStore::open(&path).unwrap();
        // Overwrites the page in place, as a failing disk or another program would: neither the length nor the open
        // files change.
        for suffix in ["", "-wal"] {
            let file = path.with_file_name(format!("chat.db-search{suffix}"));
            let length = std::fs::metadata(&file).map_or(0, |file| file.len());
            let kept = if is_emptied { 0 } else { usize::try_from(length).unwrap() };
            std::fs::write(&file, vec![0xa5; kept]).unwrap();
        }
        wait_for(&node, tom, "cheese", &BOTH).await;
        node.say(tom, Recipient::User(UserId(2)), "green cheese").await;
        wait_for(&node, tom, "cheese", &["green cheese", "red cheese", "blue cheese"]).await;
    }
}

#[tokio::test]
async fn an_index_of_another_log_is_rebuilt() {
    let (path, tom, _folder) = closed().await;
    // A database restored from a backup made before these messages: the same log, but shorter.
    let sql = "DELETE FROM messages WHERE id > 1; UPDATE messages SET content = 'other words'";
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let node = SqliteStore::open(&path).unwrap();
    wait_for(&node, tom, "words", &["other words"]).await;
    assert_eq!(texts(&node, tom, "cheese").await, [""; 0]);
    drop(node);
    // Another database with the same number of messages.
    let sql = "UPDATE log SET epoch = epoch + 1; UPDATE messages SET content = 'blue cheese'";
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let node = SqliteStore::open(&path).unwrap();
    wait_for(&node, tom, "cheese", &["blue cheese"]).await;
    assert_eq!(texts(&node, tom, "words").await, [""; 0]);
}

#[cfg(unix)]
#[tokio::test]
async fn the_index_is_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let node = SqliteStore::fresh().await;
    settle(&node).await;
    for name in ["chat.db-search", "chat.db-search-wal", "chat.db-search-shm"] {
        let mode = std::fs::metadata(node.path.with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    drop(node);
}
