//! A database that has lost acknowledged messages while no server ran: its write-ahead log was removed after a crash,
//! or an older copy replaced it. Log positions are assigned twice, so clients that knew more are asked to reload
//! (README, promise 4).

use std::fs::OpenOptions;
use std::path::PathBuf;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::support::{Server, Setup, Stream, User};

/// Log line about a database that is behind.
const IS_BEHIND: &str = "that clients know";

/// Opens a reader that stays open, so that later writes stay in the log.
fn held_back(setup: &Setup) -> Connection {
    let reader = Connection::open(setup.database()).unwrap();
    // The last connection to close moves the log into the database, and that must not be this one.
    reader.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM messages").unwrap();
    reader
}

fn lines(server: &Server) -> usize {
    server.printed().lines().filter(|line| line.contains("\"WARN\"") && line.contains(IS_BEHIND)).count()
}

async fn contents(reader: &User, other: &User) -> Vec<String> {
    let messages = reader.history(other).await;
    messages.iter().map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

async fn is_resumed(server: &Server, user: &User, cursor: &str) -> bool {
    let mut stream = Stream::greeted_next(server, user, &format!("/ws?cursor={cursor}")).await;
    let resumed = stream.frame().await["resumed"].as_bool().unwrap();
    assert!(resumed || stream.frame().await["type"] == "resync");
    resumed
}

/// A server that starts without both messages `lost` gives the database another log epoch, once.
async fn is_another_log(setup: &Setup, (tom, jerry): (&User, &User), cursor: &str) {
    let mut server = setup.start();
    assert_eq!(lines(&server), 1, "{}", server.printed());
    let (tom, jerry) = (tom.at(&server), jerry.at(&server));
    // As many messages as were lost: the positions are the same.
    for _ in 0..2 {
        tom.write(&jerry, "instead").await;
    }
    assert!(!is_resumed(&server, &jerry, cursor).await);
    let cursor = Stream::connect(&server, &jerry).await.cursor;
    server.kill();
    let server = setup.start();
    assert_eq!(lines(&server), 0, "{}", server.printed());
    assert!(is_resumed(&server, &jerry, &cursor).await);
    assert_eq!(contents(&jerry.at(&server), &tom).await, ["before", "instead", "instead"]);
}

#[tokio::test]
async fn after_a_crash_whose_log_is_gone_everybody_reloads() {
    for is_emptied in [false, true] {
        let mut server = Server::start();
        let (tom, jerry) = server.tom_and_jerry().await;
        tom.write(&jerry, "before").await;
        server.stop();
        let mut server = server.setup.start();
        let (tom, jerry) = (tom.at(&server), jerry.at(&server));
        let reader = held_back(&server.setup);
        for _ in 0..2 {
            tom.write(&jerry, "lost").await;
        }
        let cursor = Stream::connect(&server, &jerry).await.cursor;
        server.kill();
        drop(reader);
        let log = server.setup.path("chatserver.db-wal");
        assert!(log.metadata().unwrap().len() > 0);
        if is_emptied {
            OpenOptions::new().write(true).open(log).unwrap().set_len(0).unwrap();
        } else {
            std::fs::remove_file(log).unwrap();
        }
        is_another_log(&server.setup, (&tom, &jerry), &cursor).await;
    }
}

/// Returns a server that has stopped after one message, two users, and a copy of its database.
async fn copied() -> (Server, [User; 2], PathBuf) {
    let mut server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "before").await;
    server.stop();
    let copy = server.setup.path("copy.db");
    std::fs::copy(server.setup.database(), &copy).unwrap();
    (server, [tom, jerry], copy)
}

#[tokio::test]
async fn an_older_copy_in_the_place_of_a_stopped_servers_database_is_another_log() {
    let (server, [tom, jerry], copy) = copied().await;
    let file = server.setup.database();
    let mut server = server.setup.start();
    let (tom, jerry) = (tom.at(&server), jerry.at(&server));
    for _ in 0..2 {
        tom.write(&jerry, "lost").await;
    }
    let cursor = Stream::connect(&server, &jerry).await.cursor;
    server.stop();
    std::fs::copy(&copy, &file).unwrap();
    is_another_log(&server.setup, (&tom, &jerry), &cursor).await;
}

/// The copy has the former epoch, which clients may have in their cursors.
#[tokio::test]
async fn an_older_copy_that_is_put_back_twice_is_another_log_each_time() {
    let (server, [tom, jerry], copy) = copied().await;
    let file = server.setup.database();
    let mut cursors: Vec<String> = Vec::new();
    for round in 0..3 {
        let mut server = server.setup.start();
        let (tom, jerry) = (tom.at(&server), jerry.at(&server));
        for _ in 0..3 {
            tom.write(&jerry, "lost").await;
        }
        for cursor in &cursors {
            assert!(!is_resumed(&server, &jerry, cursor).await, "{round}: {cursor}");
        }
        cursors.push(Stream::connect(&server, &jerry).await.cursor);
        server.stop();
        std::fs::copy(&copy, &file).unwrap();
    }
}

/// As after `sqlite3 chatserver.db` between a crash and the next start.
#[tokio::test]
async fn a_log_that_was_moved_into_its_file_is_not_missed() {
    let mut server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "before").await;
    let cursor = Stream::connect(&server, &jerry).await.cursor;
    server.kill();
    let moved = Connection::open(server.setup.database()).unwrap();
    moved.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    moved.close().unwrap();
    assert!(!server.setup.path("chatserver.db-wal").exists());
    let server = server.setup.start();
    assert_eq!(lines(&server), 0, "{}", server.printed());
    assert!(is_resumed(&server, &jerry, &cursor).await);
    assert_eq!(contents(&jerry.at(&server), &tom).await, ["before"]);
}
