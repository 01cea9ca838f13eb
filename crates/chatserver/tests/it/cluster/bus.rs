//! NATS hangs or is gone: nothing is lost, clients of one node notice nothing, those of different nodes wait a little
//! longer, and both recover soon after it is back.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::nodes::{Nodes, at, post};
use crate::support::{Server, Stream, User, eventually};

/// Upper bound for live delivery, on a busy machine too. Reading from the journal takes longer.
const PROMPT: Duration = Duration::from_millis(100);
/// Upper bound for delivery through the journal, whatever the state of the bus.
const AT_LAST: Duration = Duration::from_secs(5);
const SAMPLES: usize = 15;

/// Tom at the first node, Jerry at both.
struct Clients {
    tom: User,
    jerry: User,
    here: Stream,
    there: Stream,
    n_sent: usize,
}

impl Clients {
    async fn at(nodes: &Nodes) -> Self {
        let (tom, jerry) = nodes.servers[0].tom_and_jerry().await;
        let here = Stream::connect(&nodes.servers[0], &jerry).await;
        let there = Stream::connect(&nodes.servers[1], &jerry).await;
        let mut clients = Self { tom, jerry, here, there, n_sent: 0 };
        // The first message makes the conversation.
        clients.deliver().await;
        clients
    }

    /// Sends a message. Returns how long it took to the sender's node and to the other.
    async fn deliver(&mut self) -> (Duration, Duration) {
        self.n_sent += 1;
        let text = format!("number {}", self.n_sent);
        let began = Instant::now();
        let (tom, jerry) = (&self.tom, &self.jerry);
        let (here, there) = (&mut self.here, &mut self.there);
        let arrival = async |stream: &mut Stream| {
            let received = stream.received_until(&text).await;
            assert_eq!(messages(&received), 1, "{received:?}");
            began.elapsed()
        };
        let (sent, here, there) = tokio::join!(post(tom, jerry, &text), arrival(here), arrival(there));
        assert_eq!(sent.status, 201, "{}", sent.text());
        (here, there)
    }

    /// Returns the median of some times to the sender's node, and the longest to the other.
    async fn times(&mut self) -> (Duration, Duration) {
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for _ in 0..SAMPLES {
            let (one, other) = self.deliver().await;
            here.push(one);
            there.push(other);
        }
        here.sort();
        (here[SAMPLES / 2], there.into_iter().max().unwrap())
    }

    /// Waits until ten messages in a row arrive at the other node as fast as usual.
    async fn recovers(&mut self, usual: Duration) -> Duration {
        let began = Instant::now();
        let mut in_a_row = 0;
        while in_a_row < 10 {
            let (_, there) = self.deliver().await;
            in_a_row = if there < usual { in_a_row + 1 } else { 0 };
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "news is still late: {there:?}, usually {usual:?}"
            );
        }
        began.elapsed()
    }
}

fn messages(frames: &[Value]) -> usize {
    frames.iter().filter(|frame| frame["type"] == "message").count()
}

async fn health(server: &Server) -> (u16, Value) {
    let answer = server.get("/readyz").await;
    (answer.status, answer.json())
}

/// Measures the usual time: a multiple of the median, so that one slow message has no effect.
async fn usual(clients: &mut Clients) -> Duration {
    let mut there = Vec::new();
    for _ in 0..SAMPLES {
        there.push(clients.deliver().await.1);
    }
    there.sort();
    (there[SAMPLES / 2] * 4).max(PROMPT)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_one_node_do_not_notice_that_nats_hangs_or_is_gone() {
    let mut nodes = Nodes::start(2);
    let mut clients = Clients::at(&nodes).await;
    let usual = usual(&mut clients).await;

    nodes.nats.pause().unwrap();
    let (here, there) = clients.times().await;
    assert!(here < usual, "{here:?} on one node, usually {usual:?}");
    assert!(there < AT_LAST, "{there:?} to the other node");
    nodes.nats.resume().unwrap();
    let took = clients.recovers(usual).await;
    eprintln!("hung: {here:?} on one node, {there:?} to the other; as before after {took:?}");

    nodes.nats.kill().unwrap();
    let (here, there) = clients.times().await;
    assert!(here < usual, "{here:?} on one node, usually {usual:?}");
    assert!(there < AT_LAST, "{there:?} to the other node");
    nodes.nats.start_again().unwrap();
    let took = clients.recovers(usual).await;
    eprintln!("gone: {here:?} on one node, {there:?} to the other; as before after {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_nats_is_ready_and_says_what_is_wrong() {
    let mut nodes = Nodes::start(2);
    let (tom, jerry) = nodes.servers[0].tom_and_jerry().await;
    let (status, well) = health(&nodes.servers[0]).await;
    assert_eq!(status, 200, "{well}");
    nodes.nats.kill().unwrap();
    for server in &nodes.servers {
        let says_so = async || {
            let (status, health) = health(server).await;
            assert_eq!(status, 200, "{health}");
            health != well
        };
        eventually(10, "the body differs from a healthy node's", says_so).await;
    }
    assert_eq!(post(&tom, &jerry, "without news").await.status, 201);
    assert_eq!(at(&nodes.servers[1], &jerry).history(&tom).await.len(), 1);
    nodes.nats.start_again().unwrap();
    for server in &nodes.servers {
        eventually(10, "all is well again", async || health(server).await == (200, well.clone())).await;
    }
}
