//! Ten thousand missed changes, while more arrive: delivered page by page, completely, in order and once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::v2::{brief, to_user};
use crate::support::{Server, Stream, User, eventually};

const SENDERS: usize = 10;
const EACH: usize = 1000;
const LIVE: usize = 400;

/// The messages received so far, as their numbers in their conversations.
#[derive(Default)]
struct Received(BTreeMap<i64, Vec<u64>>);

impl Received {
    fn take(&mut self, frame: &Value) {
        match brief(frame) {
            "created" => {
                let seqs = self.0.entry(frame["conversation_id"].as_i64().unwrap()).or_default();
                seqs.push(frame["message"]["seq"].as_u64().unwrap());
            }
            "conversation" | "live" => {}
            other => panic!("unexpected: {other}"),
        }
    }

    fn n_messages(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Checks that every number came once and in order.
    fn is_complete(&self) {
        for (conversation, seqs) in &self.0 {
            let expected = 1..=seqs.len() as u64;
            assert!(seqs.iter().copied().eq(expected), "conversation {conversation}: {seqs:?}");
        }
    }
}

async fn send_many(stream: &mut Stream, to: &User, count: usize) {
    for number in 0..count {
        let mut op = to_user(to);
        op["op"] = json!("send");
        op["id"] = json!(number);
        op["content"] = json!(number.to_string());
        stream.say(&op).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_missed_changes_come_completely_and_once() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let cursor = Stream::connect(&server, &jerry).await.cursor;
    let mut senders = Vec::new();
    for number in 0..SENDERS {
        let user = server.register(&format!("sender {number}")).await;
        let (mut stream, jerry) = (Stream::connect(&server, &user).await, jerry.clone());
        senders.push(tokio::spawn(async move {
            send_many(&mut stream, &jerry, EACH).await;
            stream
        }));
    }
    let mut open = Vec::new();
    for sender in senders {
        open.push(sender.await.unwrap());
    }
    eventually(30, "all are sent", async || {
        jerry.get("/v1/unread").await.expect(200)["unread"] == SENDERS * EACH
    })
    .await;

    let mut toms = Stream::connect(&server, &tom).await;
    let receiver = jerry.clone();
    let live = tokio::spawn(async move {
        send_many(&mut toms, &receiver, LIVE).await;
        toms
    });
    let mut stream = Stream::resumed(&server, &jerry, &cursor).await;
    let (mut received, mut n_live, mut halfway) = (Received::default(), 0, String::new());
    while received.n_messages() < SENDERS * EACH + LIVE {
        let frame = stream.frame().await;
        n_live += usize::from(frame["type"] == "live");
        received.take(&frame);
        if received.n_messages() == SENDERS * EACH / 2 {
            halfway.clone_from(&stream.cursor);
        }
    }
    received.is_complete();
    if n_live == 0 {
        assert_eq!(stream.frame().await["type"], "live");
    }
    let _toms = live.await.unwrap();
    stream.is_quiet().await;
    assert!(n_live <= 1);

    let (_, rest) = Stream::resume(&server, &jerry, &halfway).await;
    let n_rest = rest.iter().filter(|frame| brief(frame) == "created").count();
    assert_eq!(n_rest, SENDERS * EACH / 2 + LIVE, "from the middle on there is just the rest");
}
