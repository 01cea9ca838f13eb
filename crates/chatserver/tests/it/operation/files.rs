//! Databases and folders that cannot be used: a helpful sentence, an exit status, and an unchanged file.

use std::path::Path;

use rusqlite::Connection;

use crate::support::server::bytes_of;
use crate::support::{Server, Setup};

/// Makes a file as the database and expects a refusal that leaves it unchanged.
fn refused(make: impl FnOnce(&Path), next_step: &str) {
    let setup = Setup::new();
    make(&setup.database());
    let before = bytes_of(&setup.database());
    for _ in 0..2 {
        let refusal = setup.refuse();
        refusal.says(next_step);
        assert!(refusal.stderr.contains("chatserver.db"), "{refusal:?}");
        assert_eq!(bytes_of(&setup.database()), before, "{refusal:?}");
    }
}

fn sql(path: &Path, statements: &str) {
    Connection::open(path).unwrap().execute_batch(statements).unwrap();
}

/// Returns the bytes of a database that a server has made.
fn a_database() -> Vec<u8> {
    let mut server = Server::start();
    server.stop();
    bytes_of(&server.setup.database())
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    for bytes in [
        &b""[..],
        b"x",
        b"not a database, but longer than the header of one would be: ".repeat(9).as_slice(),
        &[0; 8192],
    ] {
        refused(|path| std::fs::write(path, bytes).unwrap(), "restore a backup");
    }
}

#[test]
fn a_damaged_database_is_refused() {
    let good = a_database();
    let truncated = |length: usize| good[..length].to_vec();
    let with_garbage = |range: std::ops::Range<usize>| {
        let mut bytes = good.clone();
        bytes[range].iter_mut().zip((1..=251).cycle()).for_each(|(byte, garbage)| *byte = garbage);
        bytes
    };
    for bytes in [
        truncated(50),
        truncated(good.len() - 1),
        truncated(good.len() / 2 + 100),
        with_garbage(0..16),
        with_garbage(100..4096),
    ] {
        refused(|path| std::fs::write(path, &bytes).unwrap(), "restore a backup");
    }
}

#[test]
fn another_programs_database_is_refused() {
    refused(|path| sql(path, "CREATE TABLE recipes (id INTEGER, cheese TEXT)"), "--database");
    refused(|path| sql(path, "PRAGMA application_id = 7; CREATE TABLE users (id INTEGER)"), "--database");
    refused(|path| sql(path, "PRAGMA user_version = 3; CREATE TABLE messages (id INTEGER)"), "--database");
}

#[test]
fn a_newer_releases_database_is_refused() {
    let bytes = a_database();
    let newer = |path: &Path| {
        std::fs::write(path, &bytes).unwrap();
        sql(path, "PRAGMA user_version = 4711");
    };
    refused(newer, "start that release");
}

#[tokio::test]
async fn a_second_server_on_one_file_is_refused_at_once() {
    let first = Server::start();
    let refusal = first.setup.refuse();
    refusal.says("--database");
    assert!(refusal.stderr.contains("in use"), "{refusal:?}");
    assert!(refusal.took.as_secs() < 5, "{:?}", refusal.took);
    assert_eq!(first.get("/readyz").await.status, 200, "the first one serves on");
    std::os::unix::fs::symlink(first.setup.database(), first.setup.path("other.db")).unwrap();
    first.setup.clone().arg("--database").arg("other.db").refuse().says("--database");
}

#[tokio::test]
async fn a_killed_server_leaves_no_lock_behind() {
    let mut server = Server::start();
    server.kill();
    let server = server.setup.start();
    assert_eq!(server.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_port_in_use_is_refused_and_nothing_is_made() {
    let first = Server::start();
    let port = first.address.split_once(':').unwrap().1;
    let setup = Setup::new().without_port().arg("--port").arg(port);
    let refusal = setup.refuse();
    refusal.says("--port");
    assert!(refusal.stderr.contains(port), "{refusal:?}");
    assert!(!setup.database().exists(), "no database for a server that could not start");
    assert_eq!(first.get("/ping").await.status, 200);
}

/// Root may write everywhere, so the test uses a path that cannot be a folder.
#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    let setup = Setup::new();
    std::fs::write(setup.path("file"), "no folder").unwrap();
    setup.clone().arg("--database").arg("file/chat.db").refuse().says("--database");
    setup.clone().env("DATABASE_PATH", "/proc/nowhere/chat.db").refuse().says("--database");
    setup.clone().arg("--log-file").arg("file/app.log").refuse().says("--log-file");
    std::fs::create_dir(setup.path("folder")).unwrap();
    setup.clone().arg("--database").arg("folder").refuse().says("--database");
    setup.arg("--log-file").arg("folder").refuse().says("--log-file");
}

#[test]
fn an_address_that_is_not_ours_is_refused() {
    for host in ["192.0.2.1", "not a host"] {
        Setup::new().arg("--host").arg(host).refuse().says(host);
    }
}

/// The earlier Go server's schema, exactly as the contract has it.
const GO_SCHEMA: &str = "
    CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, username TEXT UNIQUE NOT NULL, email TEXT UNIQUE NOT NULL,
        password TEXT NOT NULL, created_at DATETIME DEFAULT CURRENT_TIMESTAMP);
    CREATE TABLE groups (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, owner_id INTEGER NOT NULL,
        created_at DATETIME DEFAULT CURRENT_TIMESTAMP);
    CREATE TABLE group_members (group_id INTEGER, user_id INTEGER, joined_at DATETIME DEFAULT CURRENT_TIMESTAMP,
        is_admin BOOLEAN DEFAULT FALSE, PRIMARY KEY (group_id, user_id));
    CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, sender_id INTEGER NOT NULL,
        recipient_id INTEGER NOT NULL, type TEXT, content TEXT, media_url TEXT,
        timestamp DATETIME DEFAULT CURRENT_TIMESTAMP, status TEXT DEFAULT 'PENDING');";

#[tokio::test]
async fn the_go_servers_database_opens_with_its_ids_and_is_backed_up() {
    let setup = Setup::new();
    let database = Connection::open(setup.database()).unwrap();
    database.execute_batch(GO_SCHEMA).unwrap();
    let hash = bcrypt::hash("password123", 4).unwrap();
    for (id, name) in [(1, "tom"), (4, "jerry"), (9, "spike")] {
        let row = (id, name, format!("{name}@temp.com"), &hash);
        database
            .execute("INSERT INTO users (id, username, email, password) VALUES (?1, ?2, ?3, ?4)", row)
            .unwrap();
    }
    let rest = "
        INSERT INTO groups (id, name, owner_id) VALUES (4, 'Cheese', 1);
        INSERT INTO group_members (group_id, user_id, is_admin) VALUES (4, 1, 1), (4, 9, 0);
        INSERT INTO messages (id, sender_id, recipient_id, type, content, media_url, status) VALUES
            (3, 1, 4, 'text', 'to the group', '', 'SENT'), (5, 9, 1, 'text', 'to Tom', NULL, 'DELIVERED'),
            (8, 4, 9, '', 'to Spike', '', 'PENDING');";
    database.execute_batch(rest).unwrap();
    drop(database);

    let server = setup.start();
    let spike = server.login("spike").await;
    assert_eq!(spike.id, 9);
    let briefs = |messages: Vec<serde_json::Value>| -> Vec<String> {
        messages
            .iter()
            .map(|message| format!("{} {}", message["id"], message["content"].as_str().unwrap()))
            .collect()
    };
    assert_eq!(briefs(spike.messages("/v1/groups/4/messages").await), ["3 to the group"]);
    assert_eq!(briefs(spike.messages("/v1/messages/history/1").await), ["5 to Tom"]);
    assert_eq!(briefs(spike.messages("/v1/messages/history/4").await), ["8 to Spike"]);
    let backups = std::fs::read_dir(setup.path("")).unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.starts_with("chatserver.db.backup-").then_some(name)
    });
    let backups: Vec<_> = backups.collect();
    assert_eq!(backups.len(), 1, "{backups:?}");
    let backup = Connection::open(setup.path(&backups[0])).unwrap();
    let count: i64 = backup.query_row("SELECT count(*) FROM messages", (), |row| row.get(0)).unwrap();
    assert_eq!(count, 3);
}

/// The largest page. Tested here, where a thousand users can be made without hashing as many passwords.
#[tokio::test]
async fn a_list_of_users_has_a_thousand_at_most() {
    let setup = Setup::new();
    let database = Connection::open(setup.database()).unwrap();
    database.execute_batch(GO_SCHEMA).unwrap();
    let hash = bcrypt::hash("password123", 4).unwrap();
    database.execute_batch("BEGIN").unwrap();
    for id in 1..=1005 {
        let row = (id, format!("user{id:04}"), format!("user{id}@temp.com"), &hash);
        database
            .execute("INSERT INTO users (id, username, email, password) VALUES (?1, ?2, ?3, ?4)", row)
            .unwrap();
    }
    database.execute_batch("COMMIT").unwrap();
    drop(database);
    let server = setup.start();
    let user = server.login("user0001").await;
    for path in ["/v1/users", "/v1/users?limit=5000", "/v1/users/with-chat-info"] {
        let page = user.get(path).await;
        assert_eq!(page.expect(200).as_array().unwrap().len(), 1000, "{path}");
        let link = page.header("link").expect("there are more").to_owned();
        let next = link.strip_prefix('<').unwrap().split_once('>').unwrap().0.to_owned();
        let rest = user.get(&next).await.expect(200);
        assert_eq!((rest.as_array().unwrap().len(), &rest[0]["id"]), (5, &serde_json::json!(1001)), "{path}");
    }
}
