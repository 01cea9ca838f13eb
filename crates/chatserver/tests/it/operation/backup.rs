//! Backing up a running server, and restoring: everything acknowledged is in the backup, logins stay valid, and clients
//! that know more than the backup are asked to reload.

mod refused;

use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::people::p2p;
use crate::support::server::bytes_of;
use crate::support::{Server, Setup, Stream, User};

/// Log line about a copy that is served.
const IS_A_COPY: &str = "is a copy of a database that was being served";

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn back_up(setup: &Setup, to: &str) -> String {
    done(&setup.tool(&["backup", to]).output().unwrap())
}

fn restore(setup: &Setup, args: &[&str]) -> String {
    done(&setup.tool(&[&["restore"], args].concat()).output().unwrap())
}

fn mode(setup: &Setup, name: &str) -> u32 {
    std::fs::metadata(setup.path(name)).unwrap().permissions().mode() & 0o777
}

/// Returns the files in the folder that should have been removed.
fn leftovers(setup: &Setup) -> Vec<String> {
    let names = std::fs::read_dir(setup.path("")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains("unfinished")).collect()
}

/// Sends messages without pause until stopped. Returns the number of acknowledged ones.
async fn write_on(from: User, to: i64, mut stop: tokio::sync::oneshot::Receiver<()>) -> usize {
    let mut acknowledged = 0;
    while stop.try_recv().is_err() {
        from.post(&p2p(to), &json!({ "content": format!("meanwhile {acknowledged}") })).await.expect(201);
        acknowledged += 1;
    }
    acknowledged
}

/// The backup has everything that was acknowledged before it, no incomplete message, and the first server's login.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_before_a_backup_is_in_it() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    for number in 0..20 {
        tom.write(&jerry, &format!("before {number}")).await;
    }
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let writing = tokio::spawn(write_on(jerry.clone(), tom.id, stopped));
    let setup = server.setup.clone();
    let said = tokio::task::spawn_blocking(move || back_up(&setup, "backup.db")).await.unwrap();
    let sent_before = tom.write(&jerry, "after").await["id"].as_i64().unwrap();
    stop.send(()).unwrap();
    assert!(writing.await.unwrap() > 0);
    assert!(said.contains(" of 2 users") && said.contains("the key that signs tokens"), "{said}");
    assert_eq!(mode(&server.setup, "backup.db"), 0o600);
    assert_eq!(leftovers(&server.setup), [""; 0]);

    let elsewhere = Setup::new();
    std::fs::copy(server.setup.path("backup.db"), elsewhere.path("backup.db")).unwrap();
    let said = restore(&elsewhere, &["backup.db"]);
    assert!(said.contains("asked to reload"), "{said}");
    for name in ["chatserver.db", "chatserver.db.jwt-secret"] {
        assert_eq!(mode(&elsewhere, name), 0o600, "{name}");
    }
    assert_eq!(leftovers(&elsewhere), [""; 0]);
    let restored = elsewhere.start();
    let tom = tom.at(&restored);
    let history = tom.all_messages("/v1/messages/history/2").await;
    let (before, meanwhile) = history.split_at(20);
    for (number, message) in before.iter().enumerate() {
        assert_eq!(message["content"], format!("before {number}"));
    }
    for (number, message) in meanwhile.iter().enumerate() {
        assert_eq!(
            (&message["content"], &message["seq"]),
            (&json!(format!("meanwhile {number}")), &json!(21 + number))
        );
    }
    assert!(history.iter().all(|message| message["id"].as_i64().unwrap() < sent_before));
    assert!(said.contains(&format!("Restored {} messages of 2 users", history.len())), "{said}");
}

/// Promise 4: log positions are assigned again after a restore, so a cursor from before must not be served.
#[tokio::test]
async fn clients_that_know_more_than_the_backup_are_asked_to_reload() {
    let mut server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "in the backup").await;
    let of_the_backup = Stream::connect(&server, &jerry).await.cursor;
    back_up(&server.setup, "backup.db");
    tom.write(&jerry, "lost").await;
    tom.write(&jerry, "lost too").await;
    let beyond = Stream::connect(&server, &jerry).await.cursor;
    server.stop();
    let said = restore(&server.setup, &["backup.db", "--force"]);
    assert!(said.contains("is kept as"), "{said}");

    let server = server.setup.start();
    let (tom, jerry) = (tom.at(&server), jerry.at(&server));
    // As many messages as were lost, so that the log is at the position that the client knows.
    tom.write(&jerry, "instead").await;
    tom.write(&jerry, "instead too").await;
    for cursor in [beyond, of_the_backup] {
        let mut stream = Stream::greeted_next(&server, &jerry, &format!("/ws?cursor={cursor}")).await;
        assert_eq!(stream.frame().await["resumed"], false);
        assert_eq!(stream.frame().await["type"], "resync", "{cursor}");
    }
    let contents: Vec<_> = jerry.history(&tom).await.iter().map(|it| it["content"].clone()).collect();
    assert_eq!(contents, ["in the backup", "instead", "instead too"]);
}

#[tokio::test]
async fn what_was_replaced_is_kept_and_can_be_served() {
    let mut server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    back_up(&server.setup, "backup.db");
    tom.write(&jerry, "only in what is replaced").await;
    // The newest messages are in the log beside the file.
    server.kill();
    // A key that differs from the backup's.
    std::fs::write(server.setup.path("chatserver.db.jwt-secret"), "9vK2mQ7xT4bN8wR1yC5zH3jL6pF0sD2g")
        .unwrap();
    let said = restore(&server.setup, &["backup.db", "--force"]);
    let kept = said.lines().find_map(|line| line.strip_prefix("The former database is kept as ./")).unwrap();
    let kept = kept.trim_end_matches('.').to_owned();
    let restored = server.setup.start();
    let (tom, jerry) = (tom.at(&restored), jerry.at(&restored));
    assert_eq!(tom.history(&jerry).await.len(), 0, "logged in by the backup's key");
    drop(restored);
    let former = server.setup.clone().arg("--database").arg(&kept).start();
    let tom = former.login("tom").await;
    assert_eq!(tom.history(&jerry).await.len(), 1);
    let key = std::fs::read_to_string(server.setup.path(&format!("{kept}.jwt-secret"))).unwrap();
    assert_eq!(key, "9vK2mQ7xT4bN8wR1yC5zH3jL6pF0sD2g");
}

#[tokio::test]
async fn a_backup_goes_through_a_pipe() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "cheese").await;
    let output = server.setup.tool(&["backup", "-"]).output().unwrap();
    assert!(
        output.status.success() && output.stdout.starts_with(b"SQLite format 3\0"),
        "{:?}",
        output.status
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("1 message of 2 users"), "{output:?}");
    assert_eq!(leftovers(&server.setup), [""; 0]);
    let elsewhere = Setup::new();
    let mut command = elsewhere.tool(&["restore", "-", "--database", "deep/down.db"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), &output.stdout).unwrap();
    done(&child.wait_with_output().unwrap());
    let restored = elsewhere.arg("--database").arg("deep/down.db").start();
    assert_eq!(tom.at(&restored).history(&jerry).await.len(), 1);
}

/// Copies made by `sqlite3 chatserver.db ".backup backup.db"`, with the key beside them.
#[tokio::test]
async fn copies_that_were_made_by_hand_are_restored_too() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "cheese").await;
    let live = Connection::open(server.setup.database()).unwrap();
    live.backup("main", server.setup.path("backup.db"), None::<fn(rusqlite::backup::Progress)>).unwrap();
    std::fs::copy(server.setup.path("chatserver.db.jwt-secret"), server.setup.path("backup.db.jwt-secret"))
        .unwrap();
    let cursor = Stream::connect(&server, &jerry).await.cursor;
    let backup = server.setup.path("backup.db");
    let elsewhere = Setup::new();
    restore(&elsewhere, &[backup.to_str().unwrap()]);
    let restored = elsewhere.start();
    let (tom, jerry) = (tom.at(&restored), jerry.at(&restored));
    assert_eq!(jerry.history(&tom).await.len(), 1);
    let mut stream = Stream::greeted_next(&restored, &jerry, &format!("/ws?cursor={cursor}")).await;
    stream.frame().await;
    assert_eq!(stream.frame().await["type"], "resync");
    assert!(bytes_of(&backup).starts_with(b"SQLite"), "it is where it was");
}

/// Promise 4 again, for operators who start a server on a copy of a live database without `restore`, as with
/// Litestream: the copy assigns log positions that the original has assigned, too.
#[tokio::test]
async fn a_copy_of_a_live_database_that_is_served_as_it_is_is_another_log() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "in the copy").await;
    let elsewhere = Setup::new();
    let live = Connection::open(server.setup.database()).unwrap();
    live.execute("VACUUM INTO ?1", [elsewhere.database().to_str().unwrap()]).unwrap();
    let key = |setup: &Setup| setup.path("chatserver.db.jwt-secret");
    std::fs::copy(key(&server.setup), key(&elsewhere)).unwrap();
    let beyond = {
        tom.write(&jerry, "lost").await;
        Stream::connect(&server, &jerry).await.cursor
    };
    let mut restored = elsewhere.start();
    assert_eq!(restored.printed().matches(IS_A_COPY).count(), 1, "{}", restored.printed());
    tom.at(&restored).write(&jerry, "instead").await;
    let mut stream = Stream::greeted_next(&restored, &jerry, &format!("/ws?cursor={beyond}")).await;
    assert_eq!(stream.frame().await["resumed"], false);
    assert_eq!(stream.frame().await["type"], "resync");
    // From now on it is a database of its own, also after a crash.
    let cursor = Stream::connect(&restored, &jerry).await.cursor;
    restored.kill();
    let restored = elsewhere.start();
    assert!(!restored.printed().contains(IS_A_COPY), "{}", restored.printed());
    let mut stream = Stream::greeted_next(&restored, &jerry, &format!("/ws?cursor={cursor}")).await;
    assert_eq!(stream.frame().await["resumed"], true);
}

/// The file and its log, of a server that was killed: messages that are only in the log are not lost.
#[tokio::test]
async fn a_copy_with_its_log_beside_it_is_restored_with_it() {
    let mut server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "cheese").await;
    server.kill();
    for suffix in ["", "-wal", ".jwt-secret"] {
        let name = |base: &str| server.setup.path(&format!("{base}{suffix}"));
        std::fs::copy(name("chatserver.db"), name("copy.db")).unwrap();
    }
    let elsewhere = Setup::new();
    restore(&elsewhere, &[server.setup.path("copy.db").to_str().unwrap()]);
    assert_eq!(leftovers(&elsewhere), [""; 0]);
    let restored = elsewhere.start();
    assert_eq!(tom.at(&restored).history(&jerry).await.len(), 1);
}

/// The key of a backup is not left in the database, not even in an unused page.
#[tokio::test]
async fn the_key_does_not_stay_in_the_database() {
    let server = Server::start();
    let key = std::fs::read(server.setup.path("chatserver.db.jwt-secret")).unwrap();
    let has_key = |bytes: &[u8]| bytes.windows(key.len()).any(|part| part == key);
    back_up(&server.setup, "backup.db");
    assert!(has_key(&bytes_of(&server.setup.path("backup.db"))));
    let elsewhere = Setup::new();
    restore(&elsewhere, &[server.setup.path("backup.db").to_str().unwrap()]);
    assert!(!has_key(&bytes_of(&elsewhere.database())));
    let answer: Value = elsewhere.start().get("/readyz").await.expect(200);
    assert_eq!(answer["status"], "ready");
}

#[tokio::test]
async fn a_key_of_the_operators_own_is_not_in_the_backup() {
    let setup = Setup::new().env("JWT_SECRET", "9vK2mQ7xT4bN8wR1yC5zH3jL6pF0sD2g");
    let server = setup.start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let said = back_up(&server.setup, "backup.db");
    assert!(said.contains("you set JWT_SECRET, so keep it safe"), "{said}");
    let elsewhere = Setup::new().env("JWT_SECRET", "9vK2mQ7xT4bN8wR1yC5zH3jL6pF0sD2g");
    let said = restore(&elsewhere, &[server.setup.path("backup.db").to_str().unwrap()]);
    assert!(said.contains("set JWT_SECRET as before"), "{said}");
    assert!(!elsewhere.path("chatserver.db.jwt-secret").exists());
    assert_eq!(tom.at(&elsewhere.start()).history(&jerry).await.len(), 0);
}

/// Each replaced database is kept, however soon the next one is restored, and even if it is restored from there.
#[tokio::test]
async fn each_database_that_is_replaced_is_kept() {
    let mut server = Server::start();
    let names = ["spike", "butch", "nibbles", "quacker"];
    let mut sources = Vec::new();
    for name in names {
        server.register(name).await;
        back_up(&server.setup, &format!("{name}.db"));
        sources.push(format!("{name}.db"));
    }
    server.stop();
    let n_users = |file: &std::path::Path| -> i64 {
        let connection = Connection::open(file).unwrap();
        connection.query_row("SELECT count(*) FROM users", (), |row| row.get(0)).unwrap()
    };
    let first = n_users(&server.setup.path(&sources[0]));
    // All within a second or two, so several names would have the same second.
    let mut kept = Vec::new();
    for source in sources.iter().cycle().take(12) {
        let said = restore(&server.setup, &["--force", source]);
        let line =
            said.lines().find_map(|line| line.strip_prefix("The former database is kept as ")).unwrap();
        kept.push(line.trim_end_matches('.').to_owned());
    }
    let last = kept.last().unwrap().clone();
    let said = restore(&server.setup, &["--force", &last]);
    assert!(!said.contains(&format!("kept as {last}.")), "{said}");
    let held: Vec<_> = kept.iter().map(|file| n_users(&server.setup.path(file))).collect();
    let last_held = first + 3;
    let turns = (0..11).map(|turn| first + turn % 4);
    assert_eq!(held, [last_held].into_iter().chain(turns).collect::<Vec<_>>());
    assert_eq!(n_users(&server.setup.database()), first + 2);
}
