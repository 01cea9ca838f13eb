//! Tests of migrations that do not finish: the file is then unchanged, and opens the next time.

use std::process::{Command, Stdio};

use chat_core::ids::UserId;
use chat_sqlite::OpenError;
use rusqlite::Connection;

use super::file::{GoFile, check_invariants};
use crate::support::SqliteStore;

/// Together more than the migration keeps in memory, so that it writes into the file before its commit.
const MESSAGES: i64 = 9_500;
const FILE: &str = "CHAT_SQLITE_TEST_FILE";

#[tokio::test]
async fn a_failed_migration_leaves_the_file_as_it_was_and_no_backup() {
    let go = GoFile::new(super::ORDINARY);
    // A table with the name of one of ours blocks the migration.
    go.execute("CREATE TABLE directs (x)");
    let before = (go.rows(), std::fs::read(&go.path).unwrap());
    assert!(matches!(SqliteStore::open(&go.path).map(|_| ()), Err(OpenError::Migration { .. })));
    assert!((go.rows(), std::fs::read(&go.path).unwrap()) == before);
    assert_eq!(go.backups(), [""; 0].map(std::path::PathBuf::from));
    go.execute("DROP TABLE directs");
    let node = SqliteStore::open(&go.path).unwrap();
    assert_eq!(node.store.last_of_each(UserId(1), chat_contract::newest(10)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_backup_of_the_same_second_is_not_overwritten() {
    let go = GoFile::new(super::ORDINARY);
    let now: i64 = go.connect().query_row("SELECT unixepoch()", (), |row| row.get(0)).unwrap();
    for second in now..now + 60 {
        std::fs::write(format!("{}.backup-{second}", go.path.display()), "an earlier backup").unwrap();
    }
    std::fs::write(format!("{}.backup-unfinished", go.path.display()), "half a backup").unwrap();
    let node = SqliteStore::open(&go.path).unwrap();
    let backup = node.backup.clone().unwrap();
    assert!(backup.to_str().unwrap().ends_with("-2"), "{backup:?}");
    assert_eq!(super::file::rows(&backup)["messages"].len(), 4);
    let untouched = go.backups().into_iter().filter(|path| *path != backup);
    assert!(untouched.map(|path| std::fs::read(path).unwrap()).all(|bytes| bytes == b"an earlier backup"));
}

#[tokio::test]
async fn a_killed_migration_starts_again() {
    for (journal_mode, growing) in [("DELETE", ""), ("WAL", "-wal")] {
        let go = large(journal_mode);
        let size =
            || std::fs::metadata(format!("{}{growing}", go.path.display())).map_or(0, |file| file.len());
        let before = size();
        for attempt in 1..=3 {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["legacy::interrupted::opens_the_given_file", "--exact", "--ignored"])
                .env(FILE, &go.path)
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            while size() < before + attempt * 1_000_000 {
                assert!(child.try_wait().unwrap().is_none(), "it finished before it could be killed");
                std::thread::yield_now();
            }
            child.kill().unwrap();
            child.wait().unwrap();
            let moved = count(&go, "SELECT count(*) FROM sqlite_schema WHERE name = 'directs'");
            assert_eq!(
                (moved, count(&go, "SELECT count(*) FROM messages")),
                (0, MESSAGES),
                "a partial migration is visible"
            );
        }
        let node = SqliteStore::open(&go.path).unwrap();
        assert_eq!(count(&go, "SELECT count(*) FROM messages"), MESSAGES);
        check_invariants(&node);
    }
}

#[tokio::test]
#[ignore = "is the process that another test starts and kills"]
async fn opens_the_given_file() {
    if let Ok(path) = std::env::var(FILE) {
        SqliteStore::open(path.as_ref()).unwrap();
    }
}

fn count(go: &GoFile, sql: &str) -> i64 {
    Connection::open(&go.path).unwrap().query_row(sql, (), |row| row.get(0)).unwrap()
}

fn large(journal_mode: &str) -> GoFile {
    let go = GoFile::new(&format!("PRAGMA journal_mode = {journal_mode};"));
    let sql = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)";
    let connection = go.connect();
    let users = "INSERT INTO users SELECT n, 'user ' || n, n || '@temp.com', 'h', 0 FROM numbers";
    connection.execute(&format!("{sql} {users}"), [100]).unwrap();
    let messages = "INSERT INTO messages SELECT n, 1 + n % 50, 51 + n % 49, 'text', hex(zeroblob(4000)), '',
                    1761399699 + n, 'PENDING' FROM numbers";
    connection.execute(&format!("{sql} {messages}"), [MESSAGES]).unwrap();
    drop(connection);
    go
}
