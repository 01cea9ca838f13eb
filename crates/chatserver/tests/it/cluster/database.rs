//! PostgreSQL crashes or hangs under nodes with clients: callers get an error and retry, no stream is closed, and each
//! retried request takes effect once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::nodes::{Nodes, at, post, ready_becomes};
use crate::support::v2::to_user;
use crate::support::{Server, Stream, User, eventually};

const UNREADY_WITHIN: Duration = Duration::from_secs(4);
const RESUMED_WITHIN: Duration = Duration::from_secs(8);

/// Reads many times at once, so that many connections are used. Returns the answers' statuses.
async fn read_often(reader: &User, other: &User) -> Vec<u16> {
    let path = format!("/v1/messages/history/{}", other.id);
    let reading: Vec<_> = (0..20)
        .map(|_| {
            let (reader, path) = (reader.clone(), path.clone());
            tokio::spawn(async move { reader.get(&path).await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for read in reading {
        statuses.push(read.await.unwrap());
    }
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_is_reported_to_callers_and_ends_no_stream() {
    let mut nodes = Nodes::start(2);
    let (tom, jerry) = nodes.servers[0].tom_and_jerry().await;
    let toms_elsewhere = at(&nodes.servers[1], &tom);
    let mut toms = Stream::connect(&nodes.servers[0], &tom).await;
    let mut jerrys = Stream::connect(&nodes.servers[1], &jerry).await;
    assert_eq!(post(&tom, &jerry, "before").await.status, 201);
    jerrys.received_until("before").await;
    toms.received_until("before").await;

    for server in &nodes.servers {
        assert!(read_often(&at(server, &tom), &jerry).await.iter().all(|status| *status == 200));
    }
    nodes.postgres().crash().unwrap();
    for server in &nodes.servers {
        ready_becomes(server, 503, UNREADY_WITHIN).await;
    }
    for (sender, key) in [(&tom, "meanwhile"), (&toms_elsewhere, "meanwhile too")] {
        let refused = post(sender, &jerry, key).await;
        refused.refused(503, "storage_unavailable");
        assert!(refused.header("retry-after").is_some(), "{}", refused.text());
    }
    let read = tom.get(&format!("/v1/messages/history/{}", jerry.id)).await;
    assert_eq!((read.status, read.header("retry-after").is_some()), (503, true), "{}", read.text());
    let mut op = to_user(&jerry);
    op["op"] = json!("send");
    op["content"] = json!("over the stream");
    op["client_msg_id"] = json!("over the stream");
    let refused = toms.refused(op.clone(), "storage_unavailable").await;
    assert_eq!(refused["temporary"], true, "{refused}");
    assert_eq!(toms.ok(json!({"op": "ping"})).await["type"], "pong");

    nodes.postgres().start_again().unwrap();
    let back = Instant::now();
    for server in &nodes.servers {
        ready_becomes(server, 200, RESUMED_WITHIN).await;
    }
    assert!(back.elapsed() < RESUMED_WITHIN, "{:?}", back.elapsed());
    // Idle connections were replaced meanwhile.
    for server in &nodes.servers {
        assert_eq!(read_often(&at(server, &tom), &jerry).await, [200; 20]);
    }
    // The same keys at other nodes than before, and at both.
    for key in ["meanwhile", "meanwhile too"] {
        let there = post(&toms_elsewhere, &jerry, key).await.expect(201);
        let here = post(&tom, &jerry, key).await.json();
        assert_eq!(there["id"], here["id"], "{there} {here}");
    }
    // The streams are the same as before.
    let kept = toms.ok(op).await["message"].take();
    let received = jerrys.received_until("over the stream").await;
    let contents: Vec<_> = received.iter().map(|frame| frame["message"]["content"].clone()).collect();
    assert_eq!(contents, ["meanwhile", "meanwhile too", "over the stream"]);
    assert_eq!(received[2]["message"]["id"], kept["id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_whose_database_hangs_say_so_and_no_request_hangs_with_it() {
    let mut nodes = Nodes::start(2);
    let (tom, jerry) = nodes.servers[0].tom_and_jerry().await;
    assert_eq!(post(&tom, &jerry, "before").await.status, 201);
    nodes.postgres().pause().unwrap();
    for server in &nodes.servers {
        ready_becomes(server, 503, UNREADY_WITHIN).await;
    }
    let asked = Instant::now();
    let refused = post(&tom, &jerry, "meanwhile").await;
    refused.refused(503, "storage_unavailable");
    assert!(asked.elapsed() < Duration::from_secs(12), "answered after {:?}", asked.elapsed());
    nodes.postgres().resume().unwrap();
    for server in &nodes.servers {
        ready_becomes(server, 200, RESUMED_WITHIN).await;
    }
    // The first attempt may or may not have been stored. In the end there is one message.
    eventually(5, "the retry is taken", async || post(&tom, &jerry, "meanwhile").await.status < 300).await;
    let history = at(&nodes.servers[1], &tom).history(&jerry).await;
    let contents: Vec<_> = history.iter().map(|message| message["content"].clone()).collect();
    assert_eq!(contents, ["before", "meanwhile"]);
}

/// Returns the lines of a node's log at these levels whose message begins with this text.
fn logged(server: &Server, levels: &[&str], beginning: &str) -> Vec<Value> {
    let printed = server.printed();
    let lines = printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let is_meant = |line: &Value| {
        let message = line["fields"]["message"].as_str().unwrap_or_default();
        levels.iter().any(|level| line["level"] == *level) && message.starts_with(beginning)
    };
    lines.filter(is_meant).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_has_a_line_when_the_database_goes_and_one_when_it_is_back() {
    let mut nodes = Nodes::start(1);
    let (tom, jerry) = nodes.servers[0].tom_and_jerry().await;
    assert_eq!(post(&tom, &jerry, "before").await.status, 201);
    assert_eq!(read_often(&tom, &jerry).await, [200; 20]);

    nodes.postgres().crash().unwrap();
    ready_becomes(&nodes.servers[0], 503, UNREADY_WITHIN).await;
    let (mut n_reads, mut n_writes) = (0, 0);
    while n_reads < 60 {
        n_reads += read_often(&tom, &jerry).await.iter().filter(|status| **status == 503).count();
        post(&tom, &jerry, "meanwhile").await.refused(503, "storage_unavailable");
        n_writes += 1;
    }
    nodes.postgres().start_again().unwrap();
    let server = &nodes.servers[0];
    ready_becomes(server, 200, RESUMED_WITHIN).await;
    let ends = |what: &str| logged(server, &["INFO"], &format!("storage is back; {what}")).pop();
    eventually(10, "reads and writes are logged as served", async || {
        post(&tom, &jerry, "after").await;
        read_often(&tom, &jerry).await;
        ends("reads").is_some() && ends("writes").is_some()
    })
    .await;
    for (what, n_refused) in [("reads", n_reads), ("writes", n_writes)] {
        let counted = ends(what).unwrap()["fields"]["refused"].as_u64().unwrap();
        assert!(counted >= u64::try_from(n_refused).unwrap(), "{counted} of {n_refused} {what}");
    }
    let printed = server.printed();
    // One of reads and one of writes.
    assert_eq!(logged(server, &["ERROR"], "").len(), 2, "{printed}");
    // One of the journal and one of the search index.
    assert!(logged(server, &["WARN"], "").len() <= 2, "{printed}");
}
