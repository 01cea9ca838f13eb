//! A database that another program locks for a while: short waits are waited out, long ones are reported (README,
//! promise 8).

use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::json;

use crate::support::people::p2p;
use crate::support::{Server, eventually};

/// Takes a lock as a careless tool does.
fn lock(server: &Server) -> Connection {
    let connection = Connection::open(server.setup.database()).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
    connection
}

#[tokio::test]
async fn a_short_lock_is_waited_out() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let held = lock(&server);
    let waiting = (0..8).map(|number| {
        let (tom, jerry) = (tom.clone(), jerry.clone());
        tokio::spawn(async move { tom.write(&jerry, &number.to_string()).await })
    });
    let waiting: Vec<_> = waiting.collect();
    // Reads work meanwhile, and go on long enough for the sends to have reached the lock.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        assert_eq!(jerry.history(&tom).await.len(), 0);
    }
    held.execute_batch("ROLLBACK").unwrap();
    for send in waiting {
        send.await.unwrap();
    }
    assert_eq!(jerry.history(&tom).await.len(), 8);
}

#[tokio::test]
async fn a_long_lock_is_reported_and_ends_without_a_restart() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let held = lock(&server);
    let began = Instant::now();
    let body = json!({"content": "not now", "client_msg_id": "k"});
    let to_jerry = p2p(2);
    let ready = async {
        let ready = server.get("/readyz").await;
        assert!(began.elapsed() < Duration::from_secs(4), "who asks for readiness does not wait so long");
        ready
    };
    let (send, ready) = tokio::join!(tom.post(&to_jerry, &body), ready);
    for answer in [&send, &ready] {
        answer.refused(503, "storage_unavailable");
        assert!(answer.header("retry-after").is_some());
    }
    // One wait is enough: requests that came meanwhile do not wait once more.
    assert!(began.elapsed() < Duration::from_secs(7), "{:?}", began.elapsed());
    assert_eq!(server.get("/healthz").await.status, 200);
    assert_eq!(jerry.history(&tom).await.len(), 0, "what was refused was not stored");
    held.execute_batch("ROLLBACK").unwrap();
    eventually(10, "ready again", async || server.get("/readyz").await.status == 200).await;
    assert_eq!(tom.post(&p2p(2), &body).await.expect(201)["duplicate"], false);
    assert_eq!(jerry.history(&tom).await.len(), 1);
}
