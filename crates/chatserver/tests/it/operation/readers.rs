//! The readers of the feed, managed by an operator while the server runs and while it does not.

use std::process::Command;

use rusqlite::Connection;
use serde_json::json;

use crate::support::feed::{RELOAD, assert_whole, done, page, position_of, posted, readers, rest};
use crate::support::server::bytes_of;
use crate::support::{Server, Setup, User, eventually};

/// Expects a refusal in one sentence with the reason.
#[track_caller]
fn refused(setup: &Setup, args: &[&str], why: &str) {
    let output = readers(setup, args);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{said}");
    assert!(said.contains(why) && !said.contains("panicked"), "{said}");
}

async fn say(from: &User, to: &User, count: usize) -> Vec<i64> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(from.write(to, &format!("{number}")).await["id"].as_i64().unwrap());
    }
    ids
}

#[tokio::test]
async fn a_reader_is_added_reads_acknowledges_and_goes() {
    let mut server = Server::start();
    let setup = server.setup.clone();
    let (tom, jerry) = server.tom_and_jerry().await;
    say(&tom, &jerry, 1).await;
    assert_eq!(done(&setup, &[]), "No readers: no changes are kept.\n");
    assert!(done(&setup, &["add", "hooks"]).starts_with("hooks is at "));
    refused(&setup, &["add", "hooks"], "There is a reader hooks already");
    refused(&setup, &["add", "a b"], "must be 1 to 64 letters");
    refused(&setup, &["read", "none"], "There is no reader none");
    assert_eq!(done(&setup, &["read", "hooks"]), "");

    let sent = say(&tom, &jerry, 3).await;
    jerry.put(&format!("/v1/messages/{}/reactions/+1", sent[0])).await.expect(200);
    let entries = page(&setup, "hooks", 100);
    assert_whole(&entries);
    assert_eq!(posted(&entries), sent);
    let first = &entries[0];
    assert_eq!((&first["user"], &first["actor"]), (&json!(jerry.id), &json!(tom.id)));
    assert_eq!(first["conversation"], tom.message(&json!(sent[0])).await["conversation_id"]);
    assert!(entries.iter().any(|it| it["kind"] == "message.reaction" && it["message"] == sent[0]));
    assert!(!done(&setup, &["read", "hooks"]).contains("content"));

    let second = page(&setup, "hooks", 2)[1]["position"].as_str().unwrap().to_owned();
    assert_eq!(done(&setup, &["ack", "hooks", &second]), format!("hooks is at {second}.\n"));
    let (epoch, at) = position_of(&entries[0]);
    let back = format!("{epoch}-{at}");
    assert_eq!(done(&setup, &["ack", "hooks", &back]), format!("hooks is at {second}.\n"));
    refused(&setup, &["ack", "hooks", &format!("{epoch}-{}", at + 1000)], "does not reach to that position");
    refused(&setup, &["ack", "hooks", "77"], "a position looks like");
    let listed = done(&setup, &["list"]);
    let lag = (entries.len() - 2).to_string();
    let row = listed.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(row[..3], ["hooks", &second, &lag], "{listed}");

    server.stop();
    done(&setup, &["add", "late", "--oldest"]);
    let server = setup.start();
    let (tom, jerry) = (tom.at(&server), jerry.at(&server));
    let last = say(&tom, &jerry, 1).await;
    assert_eq!(posted(&rest(&setup, "hooks")), [&sent[2..], &last].concat());
    let all = rest(&setup, "late");
    assert_eq!(all[..entries.len()], entries);
    assert_eq!(done(&setup, &["remove", "hooks"]), "hooks is removed.\n");
    refused(&setup, &["remove", "hooks"], "There is no reader hooks");
}

/// `DATABASE_URL` may come from the environment or a file `.env` unnoticed.
#[test]
fn a_file_is_not_named_beside_a_database() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["readers", "names"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatserver"));
        command.args([name, "--database", "chat.db"]).current_dir(folder.path());
        let output = command.env("DATABASE_URL", "postgres://db.example/chat").output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && stderr.contains("leave one of them out"), "{stderr}");
        let empty = command.env("DATABASE_URL", "").output().unwrap();
        let stderr = String::from_utf8(empty.stderr).unwrap();
        assert!(
            !empty.status.success() && stderr.contains("chat.db"),
            "an empty one counts as unset: {stderr}"
        );
    }
}

#[tokio::test]
async fn who_stays_away_for_too_long_learns_where_to_go_on() {
    let server = Setup::new().env("FEED_CHANGES", "3").start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let setup = &server.setup;
    done(setup, &["add", "slow"]);
    let sent = say(&tom, &jerry, 6).await;
    eventually(40, "the oldest are deleted", async || {
        readers(setup, &["read", "slow"]).status.code() == Some(RELOAD)
    })
    .await;
    let answer: serde_json::Value =
        serde_json::from_slice(&readers(setup, &["read", "slow"]).stdout).unwrap();
    assert_eq!(answer["reload"], "too_old");
    assert!(done(setup, &["list"]).contains("has to reload: too_old"));
    done(setup, &["ack", "slow", answer["position"].as_str().unwrap()]);
    assert_eq!(posted(&rest(setup, "slow")), sent[3..]);
}

#[tokio::test]
async fn after_a_restore_a_reader_has_to_reload() {
    if Setup::new().database_url().is_some() {
        eprintln!("on SQLite alone: PostgreSQL is restored by programs of its own");
        return;
    }
    let mut server = Server::start();
    let setup = server.setup.clone();
    let (tom, jerry) = server.tom_and_jerry().await;
    done(&setup, &["add", "mirror"]);
    say(&tom, &jerry, 2).await;
    assert!(setup.tool(&["backup", "backup.db"]).output().unwrap().status.success());
    say(&tom, &jerry, 2).await;
    let lost = rest(&setup, "mirror");
    server.stop();
    let restored = setup.tool(&["restore", "backup.db", "--force"]).output().unwrap();
    assert!(restored.status.success(), "{restored:?}");
    let server = setup.start();
    let (tom, jerry) = (tom.at(&server), jerry.at(&server));
    // As many messages as were lost, at the same log positions.
    say(&tom, &jerry, 2).await;
    let output = readers(&setup, &["read", "mirror"]);
    assert_eq!(output.status.code(), Some(RELOAD), "{output:?}");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["reload"], "other_log");
    let stale = lost.last().unwrap()["position"].as_str().unwrap();
    refused(&setup, &["ack", "mirror", stale], "of another log");
    done(&setup, &["ack", "mirror", answer["position"].as_str().unwrap()]);
    let sent = say(&tom, &jerry, 1).await;
    assert_eq!(posted(&rest(&setup, "mirror")), sent);
}

#[test]
fn where_there_is_no_database_none_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.db");
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatserver"));
    let output =
        command.args(["readers", "--database"]).arg(&path).env_remove("DATABASE_URL").output().unwrap();
    assert!(!output.status.success() && !path.exists());
}

#[tokio::test]
async fn a_killed_servers_log_is_left_to_its_next_start() {
    if Setup::new().database_url().is_some() {
        eprintln!("on SQLite alone: there is no log beside a PostgreSQL database");
        return;
    }
    let mut server = Server::start();
    let setup = server.setup.clone();
    let (tom, jerry) = server.tom_and_jerry().await;
    say(&tom, &jerry, 1).await;
    server.kill();
    let log = setup.path("chatserver.db-wal");
    let (file, logged) = (bytes_of(&setup.database()), bytes_of(&log));
    assert!(!logged.is_empty());
    done(&setup, &["list"]);
    assert!(bytes_of(&log) == logged && bytes_of(&setup.database()) == file);
    done(&setup, &["add", "hooks"]);
    assert!(!bytes_of(&log).is_empty() && bytes_of(&setup.database()) == file);
    let mut server = setup.start();
    let sent = say(&tom.at(&server), &jerry.at(&server), 1).await;
    assert_eq!(posted(&page(&setup, "hooks", 10)), sent);
    server.stop();
    // After a clean stop there is no log, and `add` leaves none behind, so that the file can be moved alone.
    done(&setup, &["add", "late"]);
    assert!(!log.exists());
    assert!(done(&setup, &["list"]).contains("late"));
}

#[test]
fn what_no_server_of_this_release_serves_stays_as_it_is() {
    let setup = Setup::new();
    let folder = tempfile::tempdir().unwrap();
    let backup = "PRAGMA application_id = 1130914114; CREATE TABLE log (position INTEGER)";
    let of_go = "CREATE TABLE users (id INTEGER PRIMARY KEY, username, email, password);
                 CREATE TABLE messages (id INTEGER PRIMARY KEY, sender_id, recipient_id, content)";
    for (name, sql, why) in [
        ("bookmarks.db", "CREATE TABLE bookmarks (url TEXT)", "of another program"),
        ("go.db", of_go, "of an earlier release"),
        ("backup.db", backup, "is a backup"),
    ] {
        let path = folder.path().join(name);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let bytes = bytes_of(&path);
        for args in [&["list"][..], &["add", "hooks"], &["read", "hooks"], &["remove", "hooks"]] {
            let mut command = setup.tool(&["readers", "--database"]);
            let output = command.arg(&path).args(args).env_remove("DATABASE_URL").output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && said.contains(why), "{name}, {args:?}: {said}");
            assert!(bytes_of(&path) == bytes, "{name}: {args:?} has changed it");
        }
        let beside = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(beside, 1, "{name}: something was made beside it");
        std::fs::remove_file(path).unwrap();
    }
}
