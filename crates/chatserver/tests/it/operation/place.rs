//! A database that is moved, deleted or replaced under a running server, a database with two names, and the remains of
//! one: nothing is acknowledged that a restart would not find, and no new database replaces one with messages.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::mounts::{may_mount, with_mount};
use crate::support::people::{User, p2p};
use crate::support::server::bytes_of;
use crate::support::{Server, Setup, eventually};

async fn contents(reader: &User, other: &User) -> Vec<String> {
    let messages = reader.history(other).await;
    messages.iter().map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

/// Expects that the server accepts no write and answers with the reason.
async fn refuses(server: &Server, tom: &User, jerry: &User, why: &str) {
    let ready = server.get("/readyz").await;
    let send = tom.post(&p2p(jerry.id), &json!({"content": "not now"})).await;
    for answer in [ready, send] {
        answer.refused(503, "storage_unavailable");
        assert!(answer.text().contains(why), "{}", answer.text());
        assert!(answer.header("retry-after").is_some());
    }
    // Data that is already open can be read.
    assert_eq!(contents(jerry, tom).await.len(), 1);
}

/// Returns the number of log lines about it.
fn lines(server: &Server, why: &str) -> usize {
    server.printed().lines().filter(|line| line.contains("\"ERROR\"") && line.contains(why)).count()
}

#[tokio::test]
async fn a_database_that_was_moved_takes_nothing_until_it_is_back() {
    let mut server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "before").await;
    let (file, away) = (server.setup.database(), server.setup.path("away.db"));
    std::fs::rename(&file, &away).unwrap();
    for _ in 0..3 {
        refuses(&server, &tom, &jerry, "moved or deleted").await;
    }
    assert!(!file.exists(), "no other one is made in its place");
    assert_eq!(lines(&server, "moved or deleted"), 1, "{}", server.printed());
    std::fs::rename(&away, &file).unwrap();
    assert_eq!(server.get("/readyz").await.status, 200);
    tom.write(&jerry, "after").await;
    server.kill();
    let server = server.setup.start();
    assert_eq!(contents(&jerry.at(&server), &tom).await, ["before", "after"]);
}

#[tokio::test]
async fn after_a_database_was_deleted_nothing_is_acknowledged_and_none_is_made_in_its_place() {
    let mut server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "before").await;
    std::fs::remove_file(server.setup.database()).unwrap();
    refuses(&server, &tom, &jerry, "moved or deleted").await;
    server.stop();
    for _ in 0..2 {
        let refusal = server.setup.refuse();
        refusal.says("put it back");
        assert!(refusal.stderr.contains(".jwt-secret"), "{refusal:?}");
    }
    assert!(!server.setup.database().exists());
}

#[tokio::test]
async fn another_file_in_the_databases_place_is_not_taken_for_it() {
    let mut server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "before").await;
    let (file, former) = (server.setup.database(), server.setup.path("former.db"));
    std::fs::rename(&file, &former).unwrap();
    std::fs::copy(&former, &file).unwrap();
    refuses(&server, &tom, &jerry, "another file").await;
    std::fs::rename(&former, &file).unwrap();
    tom.write(&jerry, "after").await;
    server.kill();
    let server = server.setup.start();
    assert_eq!(contents(&jerry.at(&server), &tom).await, ["before", "after"]);
}

/// Without any request, the newest messages go with the file, and not with the log beside its former name.
#[tokio::test]
async fn what_was_acknowledged_goes_with_the_file() {
    for lost in ["chatserver.db", "chatserver.db-wal"] {
        let mut server = Server::start();
        let (tom, jerry) = server.tom_and_jerry().await;
        tom.write(&jerry, "before").await;
        std::fs::rename(server.setup.path(lost), server.setup.path("away")).unwrap();
        eventually(10, "it is noticed", async || lines(&server, "moved or deleted") == 1).await;
        refuses(&server, &tom, &jerry, "moved or deleted").await;
        server.kill();
        if lost == "chatserver.db" {
            // As if it had been moved without its other files.
            std::fs::remove_file(server.setup.path("chatserver.db-wal")).unwrap();
            std::fs::rename(server.setup.path("away"), server.setup.database()).unwrap();
        }
        let server = server.setup.start();
        assert_eq!(contents(&jerry.at(&server), &tom).await, ["before"], "{lost}");
    }
}

#[test]
fn no_database_is_made_where_one_was() {
    for suffix in ["-wal", "-shm", "-journal", "-search", ".jwt-secret"] {
        let setup = Setup::new();
        let left = setup.path(&format!("chatserver.db{suffix}"));
        std::fs::write(&left, "").unwrap();
        let refusal = setup.refuse();
        refusal.says("move these away to start empty");
        assert!(refusal.stderr.contains(&format!("(chatserver.db{suffix})")), "{refusal:?}");
        assert!(!setup.database().exists() && left.exists());
        std::fs::remove_file(left).unwrap();
        setup.start();
    }
}

fn run(setup: &Setup, args: &[&str]) -> (bool, String) {
    let output = setup.tool(args).env_remove("DATABASE_URL").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), said)
}

#[tokio::test]
async fn a_database_with_two_names_has_one_server_and_loses_nothing() {
    let mut server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "before").await;
    let setup = server.setup.clone();
    std::fs::create_dir(setup.path("b")).unwrap();
    let other = setup.path("b/chat.db");
    std::fs::hard_link(setup.database(), &other).unwrap();
    let by_other = setup.clone().arg("--database").arg(other.display());
    let refusal = by_other.refuse();
    refusal.says("in use by another ChatServer");
    tom.write(&jerry, "while another one tried").await;
    assert!(run(&setup, &["restore", "b/chat.db", "--database", "c.db"]).1.contains("in use"), "not at rest");
    server.kill();
    // The newest messages are in a log beside the first name alone.
    by_other.refuse().says("hard link");
    for args in [
        &["backup", "copy.db", "--database", "b/chat.db"][..],
        &["names", "--database", "b/chat.db"],
        &["migrate", "--database", "b/chat.db", "--to", "postgres://127.0.0.1:1/none"],
    ] {
        let (is_done, said) = run(&setup, args);
        assert!(!is_done && said.contains("hard link"), "{args:?}: {said}");
    }
    setup.refuse().says("hard link");
    std::fs::remove_file(other).unwrap();
    let server = setup.start();
    assert_eq!(contents(&jerry.at(&server), &tom).await, ["before", "while another one tried"]);
}

/// After a crash, the newest messages are in a log beside the first name. A server by another name must not start
/// without it.
#[tokio::test]
async fn a_killed_servers_file_is_not_served_by_another_name_without_its_log() {
    let mut server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "before").await;
    server.kill();
    let setup = server.setup.clone();
    std::fs::rename(setup.database(), setup.path("other.db")).unwrap();
    let by_other = setup.clone().arg("--database").arg(setup.path("other.db").display());
    let bytes = bytes_of(&setup.path("other.db"));
    for args in [&["readers"][..], &["readers", "add", "hooks"]] {
        let (is_done, said) = run(&setup, &[args, &["--database", "other.db"]].concat());
        assert!(!is_done && said.contains("under another name until its server was killed"), "{said}");
        assert!(bytes_of(&setup.path("other.db")) == bytes, "{args:?} has changed the file");
    }
    for _ in 0..2 {
        by_other.refuse().says("under another name until its server was killed");
    }
    setup.refuse().says("put it back");
    // With all its files it may be moved anywhere, and so may a database that was closed in order.
    for name in ["-wal", ".jwt-secret"] {
        let (from, to) = (format!("chatserver.db{name}"), format!("other.db{name}"));
        std::fs::rename(setup.path(&from), setup.path(&to)).unwrap();
    }
    let mut server = by_other.start();
    assert_eq!(contents(&jerry.at(&server), &tom).await, ["before"]);
    server.stop();
    std::fs::rename(setup.path("other.db"), setup.path("third.db")).unwrap();
    let server = setup.clone().arg("--database").arg(setup.path("third.db").display()).start();
    server.login("tom").await;
}

#[tokio::test]
async fn a_database_that_gets_a_second_name_is_logged_and_served() {
    let server = Server::start();
    std::fs::hard_link(server.setup.database(), server.setup.path("other.db")).unwrap();
    eventually(10, "it is logged", async || server.printed().contains("got a second name")).await;
    assert_eq!(server.get("/readyz").await.status, 200);
}

/// A server in a mount namespace where one path is mounted over another.
fn with_bind(setup: &Setup, from: &Path, over: &Path) -> Setup {
    with_mount(setup.clone(), &format!("mount --bind '{}' '{}'", from.display(), over.display()))
}

#[tokio::test]
async fn a_database_that_is_mounted_without_its_folder_is_refused() {
    if !may_mount() {
        return;
    }
    let mut server = Server::start();
    server.stop();
    let setup = &server.setup;
    let mine: PathBuf = setup.path("b/chat.db");
    std::fs::create_dir(setup.path("b")).unwrap();
    std::fs::write(&mine, "").unwrap();
    let by_mount = setup.clone().arg("--database").arg(mine.display());
    with_bind(&by_mount, &setup.database(), &mine).refuse().says("mount its directory");
    // The right way to mount it.
    std::fs::create_dir(setup.path("c")).unwrap();
    let by_folder = setup.clone().arg("--database").arg(setup.path("c/chatserver.db").display());
    let server = with_bind(&by_folder, &setup.path(""), &setup.path("c")).start();
    server.login("tom").await;
}

#[tokio::test]
async fn by_a_link_or_by_its_own_name_everybody_stays_logged_in() {
    let setup = Setup::new();
    std::fs::create_dir(setup.path("real")).unwrap();
    let (real, link) = (setup.path("real/chat.db"), setup.path("link.db"));
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let by = |path: &Path| setup.clone().arg("--database").arg(path.display());
    let mut server = by(&link).start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "by the link").await;
    server.stop();
    let mut server = by(&real).start();
    assert_eq!(contents(&jerry.at(&server), &tom).await, ["by the link"]);
    server.stop();
    // Where the previous release made the key.
    std::fs::rename(setup.path("real/chat.db.jwt-secret"), setup.path("link.db.jwt-secret")).unwrap();
    let mut server = by(&link).start();
    assert_eq!(contents(&jerry.at(&server), &tom).await, ["by the link"]);
    assert!(server.printed().contains("move "), "{}", server.printed());
    server.stop();
    let server = by(&real).start();
    assert!(server.printed().contains("everybody has to log in again"), "{}", server.printed());
}
