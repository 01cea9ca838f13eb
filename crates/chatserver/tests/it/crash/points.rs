//! A server that ends at a chosen point of a write: before the commit, after it, after the broadcast, in a migration.
//! Acknowledged messages are stored, a retry gets the acknowledged id and `seq`, and nothing is stored twice.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use rusqlite::Connection;

use crate::proof::ledger::{Load, Participants, retry};
use crate::proof::verdict::Verdict;
use crate::support::{Server, Setup};

const SIGABRT: i32 = 6;
/// The passes at which the server ends. The very first ones belong to the streams that connect.
const PASSES: [usize; 3] = [8, 30, 150];

/// Ends a server under load at this point, at several passes.
async fn ends_at(point: &str, is_stored: bool) {
    let mut server = Server::start();
    let participants = Participants::of(&server).await;
    let (mut ledger, mut acked, mut stored_unanswered, mut not_stored) = (Vec::new(), 0, 0, 0);
    for pass in PASSES {
        let setup = server.setup.clone();
        server.kill();
        server = setup.clone().env("CHATSERVER_FAILPOINTS", &format!("{point}={pass}")).start();
        let load = Load::start(&server, &participants, pass).await;
        let status = server.ended_within(Duration::from_secs(20));
        assert_eq!(status.signal(), Some(SIGABRT), "at {point}");
        let mut entries = load.end().await;
        acked += entries.iter().filter(|entry| entry.acked.is_some()).count();
        server = setup.start();
        let unanswered = entries.iter().filter(|entry| entry.acked.is_none()).count();
        let retried = retry(&server, &participants, &mut entries, true).await;
        assert_eq!(retried.moved, 0, "a retry gets the first answer, after {point}");
        stored_unanswered += (retried.known + unanswered).saturating_sub(retried.sent);
        not_stored += retried.sent - retried.known;
        ledger.extend(entries);
    }
    // A batch may consist of receipts, so not every crash leaves such messages.
    if is_stored {
        assert!(stored_unanswered > 0, "what was committed last was never answered, at {point}");
    } else {
        assert!(not_stored > 0, "what was under way was never committed, at {point}");
    }
    let verdict = Verdict::on(&server, &participants, &ledger).await;
    eprintln!(
        "{point}: {} crashes, {acked} acknowledged, {stored_unanswered} stored and not answered: {verdict:?}",
        PASSES.len()
    );
    assert_eq!(verdict, Verdict::clean(&ledger));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_insert() {
    ends_at("after_insert", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_commit() {
    ends_at("before_commit", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_commit_and_before_the_broadcast() {
    ends_at("after_commit", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_broadcast_and_before_the_ack() {
    ends_at("after_publish", true).await;
}

/// Starts a server that ends during its migration, then one that does not.
async fn survives_a_migration(setup: Setup) -> Server {
    let refusal = setup.clone().env("CHATSERVER_FAILPOINTS", "in_migration=1").refuse();
    assert_eq!(refusal.status.signal(), Some(SIGABRT), "{refusal:?}");
    let server = setup.start();
    assert_eq!(server.get("/readyz").await.status, 200);
    server
}

#[tokio::test]
async fn while_the_tables_of_a_new_database_are_made() {
    let server = survives_a_migration(Setup::new()).await;
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "hello").await;
}

/// The earlier Go server's file stays unchanged until its migration is complete.
#[tokio::test]
async fn while_an_earlier_servers_data_is_taken_over() {
    let setup = Setup::new();
    let old = Connection::open(setup.database()).unwrap();
    old.execute_batch(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT, email TEXT, password TEXT, created_at DATETIME);
         CREATE TABLE groups (id INTEGER PRIMARY KEY, name TEXT, owner_id INTEGER, created_at DATETIME);
         CREATE TABLE group_members (group_id INTEGER, user_id INTEGER, joined_at DATETIME, is_admin BOOLEAN);
         CREATE TABLE messages (id INTEGER PRIMARY KEY, sender_id INTEGER, recipient_id INTEGER, type TEXT,
                                content TEXT, media_url TEXT, timestamp DATETIME, status TEXT);
         INSERT INTO users VALUES (3, 'ann', 'ann@example.com', '$2a$10$x', '2025-10-25 16:00:00'),
                                  (7, 'ben', 'ben@example.com', '$2a$10$x', '2025-10-25 16:00:00');
         INSERT INTO messages VALUES (41, 3, 7, 'text', 'kept', '', '2025-10-25 16:00:00', 'SENT');",
    )
    .unwrap();
    old.close().unwrap();
    let mut server = survives_a_migration(setup).await;
    server.stop();
    let new = Connection::open(server.setup.database()).unwrap();
    let kept = new.query_row("SELECT id, content FROM messages", (), |row| Ok((row.get(0)?, row.get(1)?)));
    assert_eq!(kept, Ok((41, "kept".to_owned())));
}
