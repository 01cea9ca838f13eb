//! Backups and restores that are refused: each with one sentence that says what to do, and without any change.

use std::path::Path;
use std::process::Output;

use rusqlite::Connection;

use super::{back_up, leftovers, restore};
use crate::support::server::bytes_of;
use crate::support::{Server, Setup};

#[track_caller]
fn says(output: &Output, next_step: &str) {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!((said.lines().count(), output.stdout.len()), (1, 0), "one sentence: {said}");
    assert!(said.starts_with("chatserver: ") && said.contains(next_step), "{next_step}: {said}");
}

#[track_caller]
fn refused(setup: &Setup, args: &[&str], next_step: &str) {
    says(&setup.tool(args).output().unwrap(), next_step);
    assert_eq!(leftovers(setup), [""; 0]);
}

#[tokio::test]
async fn a_file_that_is_there_is_replaced_only_on_request() {
    let server = Server::start();
    std::fs::write(server.setup.path("backup.db"), "something dear").unwrap();
    refused(&server.setup, &["backup", "backup.db"], "--force");
    assert_eq!(bytes_of(&server.setup.path("backup.db")), b"something dear");
    let replaced = server.setup.tool(&["backup", "backup.db", "--force"]).output().unwrap();
    assert!(replaced.status.success(), "{replaced:?}");
    let bytes = bytes_of(&server.setup.path("backup.db"));
    assert!(bytes.starts_with(b"SQLite format 3\0"));
    std::os::unix::fs::symlink("backup.db", server.setup.path("link.db")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(server.setup.path("pipe")).status();
    assert!(made.unwrap().success());
    for special in ["link.db", "pipe", "logs"] {
        refused(&server.setup, &["backup", special, "--force"], "is not an ordinary file");
        refused(&server.setup, &["backup", special], "is not an ordinary file");
    }
    for itself in ["chatserver.db", "./chatserver.db-wal", "chatserver.db.jwt-secret"] {
        refused(&server.setup, &["backup", itself, "--force"], "choose another name");
    }
    refused(&server.setup, &["backup", "nowhere/backup.db"], "cannot write nowhere");
    assert_eq!(server.get("/readyz").await.status, 200);
}

#[test]
fn only_a_database_of_ours_is_backed_up() {
    let setup = Setup::new();
    refused(&setup, &["backup", "backup.db"], "there is no database at");
    std::fs::write(setup.database(), "no database, but longer than the header of one: ".repeat(9)).unwrap();
    refused(&setup, &["backup", "backup.db"], "damaged or not an SQLite database");
    std::fs::remove_file(setup.database()).unwrap();
    Connection::open(setup.database()).unwrap().execute_batch("CREATE TABLE recipes (id INTEGER)").unwrap();
    refused(&setup, &["backup", "backup.db"], "another program");
    assert!(!setup.path("backup.db").exists());
}

#[tokio::test]
async fn a_damaged_database_gives_no_backup() {
    let mut server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    for number in 0..200 {
        tom.write(&jerry, &format!("{number} {}", "cheese ".repeat(100))).await;
    }
    server.stop();
    let mut bytes = bytes_of(&server.setup.database());
    // Most of the file is messages.
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096]
        .iter_mut()
        .zip((1..=251).cycle())
        .for_each(|(byte, garbage)| *byte = garbage);
    std::fs::write(server.setup.database(), bytes).unwrap();
    refused(&server.setup, &["backup", "backup.db"], "no backup was made");
    assert!(!server.setup.path("backup.db").exists());
}

#[tokio::test]
async fn a_database_that_is_there_or_served_is_left_alone() {
    let mut server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    back_up(&server.setup, "backup.db");
    tom.write(&jerry, "not in the backup").await;
    for args in [&["restore", "backup.db"][..], &["restore", "backup.db", "--force"]] {
        refused(&server.setup, args, "in use by another ChatServer");
    }
    assert_eq!(tom.history(&jerry).await.len(), 1, "it serves on");
    server.stop();
    let before = bytes_of(&server.setup.database());
    refused(&server.setup, &["restore", "backup.db"], "--force");
    assert_eq!(bytes_of(&server.setup.database()), before);
    // A live file is not a copy of one moment.
    let server = server.setup.start();
    refused(&server.setup, &["restore", "chatserver.db", "--database", "other.db"], "in use");
    assert!(!server.setup.path("other.db").exists());
}

#[tokio::test]
async fn a_key_that_is_there_is_left_alone() {
    let server = Server::start();
    back_up(&server.setup, "backup.db");
    let elsewhere = Setup::new();
    let other = "9vK2mQ7xT4bN8wR1yC5zH3jL6pF0sD2g";
    std::fs::write(elsewhere.path("chatserver.db.jwt-secret"), other).unwrap();
    let backup = server.setup.path("backup.db");
    refused(&elsewhere, &["restore", backup.to_str().unwrap()], "differs from the backup");
    assert_eq!(bytes_of(&elsewhere.path("chatserver.db.jwt-secret")), other.as_bytes());
    assert!(!elsewhere.database().exists());
}

#[test]
fn what_is_no_backup_is_not_restored() {
    let mut server = Server::start();
    back_up(&server.setup, "backup.db");
    server.stop();
    let good = bytes_of(&server.setup.path("backup.db"));
    let with_garbage = |range: std::ops::Range<usize>| {
        let mut bytes = good.clone();
        bytes[range].iter_mut().zip((1..=251).cycle()).for_each(|(byte, garbage)| *byte = garbage);
        bytes
    };
    let setup = Setup::new();
    let bad = setup.path("bad.db");
    let is_refused = |make: &dyn Fn(&Path), reason: &str| {
        make(&bad);
        refused(&setup, &["restore", "bad.db"], reason);
        refused(&setup, &["restore", "bad.db"], "nothing was changed");
        assert!(!setup.database().exists() && !setup.path("chatserver.db.jwt-secret").exists());
        std::fs::remove_file(&bad).unwrap();
    };
    let middle = good.len() / 2 / 4096 * 4096;
    for bytes in [
        b"".to_vec(),
        b"Dear diary, today Jerry took the cheese again. ".repeat(9),
        good[..50].to_vec(),
        good[..good.len() - 1].to_vec(),
        good[..middle].to_vec(),
        with_garbage(0..16),
        with_garbage(middle..middle + 4096),
    ] {
        is_refused(&|path| std::fs::write(path, &bytes).unwrap(), "cannot restore bad.db");
    }
    let changed = |sql: &'static str| {
        let good = good.clone();
        move |path: &Path| {
            std::fs::write(path, &good).unwrap();
            Connection::open(path).unwrap().execute_batch(sql).unwrap();
        }
    };
    is_refused(&changed("PRAGMA user_version = 4711"), "a newer ChatServer");
    is_refused(&changed("PRAGMA application_id = 7"), "another program");
    refused(&setup, &["restore", "bad.db"], "cannot restore");
}

/// A server on it would continue the original's log.
#[test]
fn a_backup_is_not_served_as_it_is() {
    let server = Server::start();
    back_up(&server.setup, "backup.db");
    let elsewhere = Setup::new();
    std::fs::copy(server.setup.path("backup.db"), elsewhere.database()).unwrap();
    let refusal = elsewhere.refuse();
    refusal.says("chatserver restore");
    refused(&elsewhere, &["backup", "again.db"], "chatserver restore");
    std::fs::rename(elsewhere.database(), elsewhere.path("backup.db")).unwrap();
    restore(&elsewhere, &["backup.db"]);
    elsewhere.start();
}

#[test]
fn on_postgresql_its_own_programs_are_named() {
    // Nothing listens on port 1.
    let setup = Setup::new().env("DATABASE_URL", "postgres://u:do-not-show-this@127.0.0.1:1/chat");
    for (args, program) in [
        (["backup", "chat.dump"], "pg_dump --format=custom --schema=chatserver"),
        (["restore", "chat.dump"], "pg_restore"),
    ] {
        let output = setup.tool(&args).output().unwrap();
        says(&output, program);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("do-not-show-this"));
    }
}
