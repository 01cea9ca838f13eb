//! Tests of opening a file: it is served, or refused with one sentence and left unchanged to the last byte.

use std::path::Path;
use std::sync::Arc;

use chat_sqlite::{FeedAdmin, OpenError};
use rusqlite::Connection;

use crate::support::{SqliteStore, open_with};
use chat_contract::Recorder;

fn refused(path: &Path) -> OpenError {
    match SqliteStore::open(path) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => {
            let sentence = error.to_string();
            assert!(sentence.contains(path.file_name().unwrap().to_str().unwrap()), "{sentence}");
            assert!(!sentence.contains('\n'), "{sentence}");
            error
        }
    }
}

/// Asserts that the file is refused and that no byte of it changed.
fn refused_untouched(path: &Path) -> OpenError {
    let before = std::fs::read(path).unwrap();
    let error = refused(path);
    assert!(std::fs::read(path).unwrap() == before, "the refused file was changed");
    error
}

async fn filled(path: &Path) {
    let node = SqliteStore::open(path).unwrap();
    for number in 0..20 {
        node.user(&format!("user {number}")).await;
    }
}

#[tokio::test]
async fn a_new_file_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/down/chat.db");
    let opened = open_with(&path, Arc::new(Recorder::default())).unwrap();
    assert!(opened.is_new && opened.backup.is_none());
    drop(opened);
    let opened = open_with(&path, Arc::new(Recorder::default())).unwrap();
    assert!(!opened.is_new && opened.backup.is_none());
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_and_its_logs_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let opened = open_with(&folder.path().join("chat.db"), Arc::new(Recorder::default())).unwrap();
    for name in ["chat.db", "chat.db-wal", "chat.db-shm"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    drop(opened);
}

#[tokio::test]
async fn an_interrupted_build_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.db");
    std::fs::write(folder.path().join("chat.db.creating"), "half a database").unwrap();
    std::fs::write(folder.path().join("chat.db.creating-journal"), "half a journal").unwrap();
    filled(&path).await;
    assert!(!folder.path().join("chat.db.creating").exists());
}

#[tokio::test]
async fn a_log_without_its_database_is_refused() {
    for suffix in ["-wal", "-journal"] {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join(format!("chat.db{suffix}"));
        std::fs::write(&log, "somebody's last messages").unwrap();
        let path = folder.path().join("chat.db");
        assert!(matches!(refused(&path), OpenError::Remains(..)));
        assert_eq!(std::fs::read(&log).unwrap(), b"somebody's last messages");
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn a_file_that_is_not_a_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("empty", &b""[..]),
        ("short", b"SQLite"),
        ("text", b"Dear diary, today Jerry took the cheese again."),
        ("header only", b"SQLite format 3\0"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(refused_untouched(&path), OpenError::Damaged(..)), "{name}");
    }
}

#[tokio::test]
async fn a_truncated_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.db");
    filled(&path).await;
    let whole = std::fs::read(&path).unwrap();
    for length in [100, 4096, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(matches!(refused_untouched(&path), OpenError::Damaged(..)), "{length} bytes");
    }
    std::fs::write(&path, &whole).unwrap();
    assert!(SqliteStore::open(&path).is_ok());
}

#[tokio::test]
async fn another_programs_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sql) in [
        ("bookmarks", "CREATE TABLE bookmarks (url TEXT)"),
        ("users only", "CREATE TABLE users (id INTEGER PRIMARY KEY, username, email, password)"),
        (
            "other columns",
            "CREATE TABLE users (id INTEGER PRIMARY KEY, login TEXT);
             CREATE TABLE messages (id INTEGER PRIMARY KEY, sender_id, recipient_id, content)",
        ),
        (
            "other groups",
            "CREATE TABLE users (id INTEGER PRIMARY KEY, username, email, password);
             CREATE TABLE groups (gid INTEGER PRIMARY KEY);
             CREATE TABLE messages (id INTEGER PRIMARY KEY, sender_id, recipient_id, content)",
        ),
        (
            "a stranger's mark",
            "CREATE TABLE users (id INTEGER PRIMARY KEY, username, email, password);
             CREATE TABLE messages (id INTEGER PRIMARY KEY, sender_id, recipient_id, content);
             PRAGMA application_id = 7",
        ),
        ("nothing in it", "PRAGMA user_version = 3"),
    ] {
        let path = folder.path().join(name);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        assert!(matches!(refused_untouched(&path), OpenError::Foreign(_)), "{name}");
    }
}

#[tokio::test]
async fn a_refused_files_write_ahead_log_is_not_moved_into_it() {
    let folder = tempfile::tempdir().unwrap();
    let original = folder.path().join("original.db");
    let connection = Connection::open(&original).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    // The state after a program was killed: the table is only in the write-ahead log.
    let path = folder.path().join("copy.db");
    std::fs::copy(&original, &path).unwrap();
    std::fs::copy(folder.path().join("original.db-wal"), folder.path().join("copy.db-wal")).unwrap();
    drop(connection);
    assert!(matches!(refused_untouched(&path), OpenError::Foreign(_)));
    let tables: i64 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn a_closed_store_leaves_no_log_and_is_opened_without_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let node = SqliteStore::open(&folder.path().join("chat.db")).unwrap();
    node.user("tom").await;
    let node = node.reopen().await;
    assert!(node.backup.is_none());
    drop(node);
    let entries = std::fs::read_dir(folder.path()).unwrap();
    let mut left: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["chat.db", "chat.db-search", "chat.db.lock"]);
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.db");
    filled(&path).await;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 1000).unwrap();
    assert!(matches!(refused_untouched(&path), OpenError::Newer { found: 1000, .. }));
}

#[tokio::test]
async fn a_second_server_on_the_file_is_refused_and_the_first_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let node = SqliteStore::open(&folder.path().join("chat.db")).unwrap();
    assert!(matches!(refused(&node.path), OpenError::InUse(_)));
    #[cfg(unix)]
    {
        let link = folder.path().join("link.db");
        std::os::unix::fs::symlink(&node.path, &link).unwrap();
        assert!(matches!(SqliteStore::open(&link).map(|_| ()), Err(OpenError::InUse(_))), "by another name");
    }
    node.user("tom").await;
    let path = node.path.clone();
    drop(node);
    assert!(SqliteStore::open(&path).is_ok());
    drop(folder);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_to_nothing_yet_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink("real.db", &link).unwrap();
    filled(&link).await;
    assert!(link.is_symlink() && folder.path().join("real.db").is_file());
}

#[tokio::test]
async fn a_path_that_cannot_be_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    assert!(matches!(refused(&file.join("chat.db")), OpenError::Unwritable { .. }), "below a file");
    assert!(matches!(refused(&file.join("deeper/chat.db")), OpenError::Unwritable { .. }), "below a file");
    assert_eq!(std::fs::read(&file).unwrap(), b"in the way");
    let taken = folder.path().join("taken.db");
    std::fs::create_dir(&taken).unwrap();
    assert!(matches!(refused(&taken), OpenError::Unwritable { .. }), "a folder");
}

/// As root, this fails if the lock file becomes root's: the server, which runs as another user, could not open it.
#[cfg(unix)]
#[tokio::test]
async fn a_new_lock_file_belongs_to_the_owner_of_the_database() {
    use std::os::unix::fs::{MetadataExt, chown};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.db");
    filled(&path).await;
    // Only root may give files away; for others both files are their own.
    let _ = chown(&path, Some(65_534), Some(65_534));
    let lock = folder.path().join("chat.db.lock");
    std::fs::remove_file(&lock).unwrap();
    drop(FeedAdmin::writing(&path).unwrap());
    let (database, lock) = (path.metadata().unwrap(), lock.metadata().unwrap());
    assert_eq!((lock.uid(), lock.gid()), (database.uid(), database.gid()));
}

#[tokio::test]
async fn a_read_only_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.db");
    filled(&path).await;
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&path, permissions).unwrap();
    if std::fs::OpenOptions::new().write(true).open(&path).is_ok() {
        eprintln!("SKIPPED: this user may write read-only files (root?), so there is nothing to refuse");
        return;
    }
    assert!(matches!(refused_untouched(&path), OpenError::Unwritable { .. }));
}
