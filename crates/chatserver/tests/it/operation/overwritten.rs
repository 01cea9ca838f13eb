//! An older copy that is written over a server's database (`cp old.db chatserver.db`): the file is the same but has
//! other content. The server acknowledges nothing, and reads nothing that is a mixture of both.

use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::json;

use crate::support::people::p2p;
use crate::support::server::bytes_of;
use crate::support::{Server, Setup, Stream, User, eventually};

const WHY: &str = "was overwritten while it was served";

/// A server, a copy of its database from before its last message, two users and the cursor of one of them.
struct Fixture {
    server: Server,
    tom: User,
    jerry: User,
    copy: PathBuf,
    cursor: String,
}

async fn fixture() -> Fixture {
    let mut server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "before").await;
    server.stop();
    let copy = server.setup.path("copy.db");
    std::fs::copy(server.setup.database(), &copy).unwrap();
    let server = server.setup.start();
    let (tom, jerry) = (tom.at(&server), jerry.at(&server));
    tom.write(&jerry, "after").await;
    let cursor = Stream::connect(&server, &jerry).await.cursor;
    Fixture { server, tom, jerry, copy, cursor }
}

async fn refuses(server: &Server, tom: &User, jerry: &User) {
    let ready = server.get("/readyz").await;
    let sent = tom.post(&p2p(jerry.id), &json!({"content": "not now"})).await;
    let read = tom.get("/v1/conversations").await;
    for answer in [ready, sent, read] {
        answer.refused(503, "storage_unavailable");
        assert!(
            answer.text().contains(WHY) && answer.text().contains("chatserver restore"),
            "{}",
            answer.text()
        );
    }
}

fn lines(server: &Server) -> usize {
    server.printed().lines().filter(|line| line.contains("writes are refused") && line.contains(WHY)).count()
}

/// Follows the advice in the refusal.
async fn is_restored(setup: &Setup, Fixture { tom, jerry, copy, cursor, .. }: &Fixture) {
    setup.refuse().says("chatserver restore BACKUP --force");
    let restored = setup.tool(&["restore", copy.to_str().unwrap(), "--force"]).output().unwrap();
    assert!(restored.status.success(), "{restored:?}");
    let server = setup.start();
    let messages = jerry.at(&server).history(tom).await;
    assert_eq!(messages.len(), 1);
    let mut stream = Stream::greeted_next(&server, jerry, &format!("/ws?cursor={cursor}")).await;
    assert_eq!(stream.frame().await["resumed"], false);
    assert_eq!(stream.frame().await["type"], "resync");
}

/// Whether or not the log has content at that moment.
#[tokio::test]
async fn nothing_is_taken_after_the_database_was_overwritten() {
    for is_log_empty in [false, true] {
        let mut fixture = fixture().await;
        let setup = fixture.server.setup.clone();
        let moved = Connection::open(setup.database()).unwrap();
        moved.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        if !is_log_empty {
            fixture.tom.write(&fixture.jerry, "only in the log").await;
        }
        std::fs::copy(&fixture.copy, setup.database()).unwrap();
        for _ in 0..2 {
            refuses(&fixture.server, &fixture.tom, &fixture.jerry).await;
        }
        assert_eq!(lines(&fixture.server), 1, "{}", fixture.server.printed());
        fixture.server.stop();
        assert!(bytes_of(&setup.database()) == bytes_of(&fixture.copy), "nothing was written into it");
        let backup = setup.path("backup.db");
        let made = setup.tool(&["backup", backup.to_str().unwrap()]).output().unwrap();
        assert!(!made.status.success() && !backup.exists(), "{made:?}");
        // A person who looks with another program moves the log into the file, whatever its state.
        Connection::open(setup.database()).unwrap().execute_batch("SELECT count(*) FROM messages").unwrap();
        is_restored(&setup, &fixture).await;
    }
}

#[tokio::test]
async fn it_is_noticed_where_nobody_writes() {
    let fixture = fixture().await;
    std::fs::copy(&fixture.copy, fixture.server.setup.database()).unwrap();
    eventually(10, "it is noticed", async || lines(&fixture.server) == 1).await;
    refuses(&fixture.server, &fixture.tom, &fixture.jerry).await;
}

/// The mark identifies it as this server's file. Only its log positions are older.
#[tokio::test]
async fn a_copy_that_was_made_meanwhile_is_distinguished_from_what_it_was_written_over() {
    let Fixture { server, tom, jerry, copy, .. } = fixture().await;
    let other = Connection::open(server.setup.database()).unwrap();
    let checkpoint =
        || other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(checkpoint(), 0);
    std::fs::copy(server.setup.database(), &copy).unwrap();
    tom.write(&jerry, "later").await;
    assert_eq!(checkpoint(), 0);
    tom.write(&jerry, "last").await;
    std::fs::copy(&copy, server.setup.database()).unwrap();
    refuses(&server, &tom, &jerry).await;
}

/// Restored by SQLite itself, with locks and through the log, as its shell's `.restore` does.
#[tokio::test]
async fn a_copy_that_is_restored_into_a_served_database_is_noticed_by_the_next_write() {
    let Fixture { server, tom, jerry, copy, .. } = fixture().await;
    let restore = format!(".restore '{}'", copy.display());
    let shell = std::process::Command::new("sqlite3").arg(server.setup.database()).arg(restore).output();
    assert!(shell.as_ref().is_ok_and(|done| done.status.success()), "{shell:?}");
    let sent = tom.post(&p2p(jerry.id), &json!({"content": "not now"})).await;
    assert_eq!(sent.status, 503, "{}", sent.text());
    refuses(&server, &tom, &jerry).await;
}

/// Its content is in no file any more, and later messages would be lost as well.
#[tokio::test]
async fn nothing_is_taken_after_the_log_was_emptied() {
    let Fixture { server, tom, jerry, .. } = fixture().await;
    std::fs::write(server.setup.path("chatserver.db-wal"), "").unwrap();
    let sent = tom.post(&p2p(jerry.id), &json!({"content": "not now"})).await;
    assert_eq!(sent.status, 503, "{}", sent.text());
    refuses(&server, &tom, &jerry).await;
}

/// It has other pages than its original, and a later version of its tables.
#[tokio::test]
async fn an_older_copy_without_its_free_pages_is_distinguished_from_what_others_make_of_the_file() {
    let Fixture { server, tom, jerry, copy, .. } = fixture().await;
    let other = Connection::open(server.setup.database()).unwrap();
    std::fs::remove_file(&copy).unwrap();
    other.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    tom.write(&jerry, "later").await;
    other.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    assert_eq!(server.get("/readyz").await.status, 200);
    std::fs::copy(&copy, server.setup.database()).unwrap();
    refuses(&server, &tom, &jerry).await;
}

/// A killed server whose log has its last message, and whose file was overwritten since.
async fn overwritten_after_a_crash() -> Fixture {
    let mut fixture = fixture().await;
    let setup = fixture.server.setup.clone();
    let other = Connection::open(setup.database()).unwrap();
    other.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); BEGIN; SELECT count(*) FROM messages").unwrap();
    fixture.tom.write(&fixture.jerry, "only in the log").await;
    fixture.server.kill();
    // Closed without a checkpoint, since the log is another file by then.
    let log = bytes_of(&setup.path("chatserver.db-wal"));
    drop(other);
    std::fs::write(setup.path("chatserver.db-wal"), log).unwrap();
    std::fs::copy(&fixture.copy, setup.database()).unwrap();
    fixture
}

#[tokio::test]
async fn what_is_overwritten_after_a_crash_is_not_mixed_with_its_log() {
    let fixture = overwritten_after_a_crash().await;
    is_restored(&fixture.server.setup, &fixture).await;
}

#[tokio::test]
async fn what_looks_for_readers_after_a_crash_mixes_nothing_either() {
    let fixture = overwritten_after_a_crash().await;
    let setup = &fixture.server.setup;
    let kept = || (bytes_of(&setup.database()), bytes_of(&setup.path("chatserver.db-wal")));
    let before = kept();
    for args in [&["readers"][..], &["readers", "add", "hooks"], &["readers", "read", "hooks"]] {
        let output = setup.tool(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{args:?}: {output:?}");
        assert!(said.contains("chatserver restore BACKUP --force"), "{args:?}: {said}");
        assert!(kept() == before, "{args:?} has changed something");
    }
    is_restored(setup, &fixture).await;
}

/// Checkpoints by other programs, such as Litestream or a shell, and even a `VACUUM` by SQLite itself.
#[tokio::test]
async fn what_others_do_through_sqlite_is_allowed() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let other = Connection::open(server.setup.database()).unwrap();
    for round in 0..40 {
        tom.write(&jerry, &"a few more words ".repeat(200)).await;
        let sql = if round % 10 == 9 { "VACUUM" } else { "PRAGMA wal_checkpoint(TRUNCATE)" };
        other.execute_batch(sql).unwrap();
        assert_eq!(server.get("/readyz").await.status, 200, "{round}: {}", server.printed());
    }
    assert_eq!(lines(&server), 0);
    assert_eq!(jerry.history(&tom).await.len(), 40);
}
