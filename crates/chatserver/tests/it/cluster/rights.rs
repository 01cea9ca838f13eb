//! A NATS that cannot be used, for every possible reason: one log line says why and where, `/readyz` reports the bus as
//! down, nothing is lost, and another line says when it is back.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use chat_engines::Nats;
use serde_json::{Value, json};

use super::nodes::{Nodes, post};
use crate::support::{Server, Stream, eventually};

const DOWN: &str = "NATS cannot be used";
const BACK: &str = "NATS can be used again";

/// Returns settings that give anonymous clients these subjects.
fn rights(subjects: &str) -> String {
    let may = format!("publish: [\"{subjects}\"], subscribe: [\"{subjects}\"]");
    let users = format!("users: [ {{ user: node, password: node, permissions: {{ {may} }} }} ]");
    format!("authorization {{ {users} }}\nno_auth_user: node")
}

/// Returns the lines of a node's log with this text.
fn lines(server: &Server, text: &str) -> Vec<Value> {
    let printed = server.printed();
    let lines = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["fields"]["message"].as_str().is_some_and(|said| said.contains(text))).collect()
}

async fn bus_becomes(server: &Server, bus: &str) {
    let so = async || {
        let answer = server.get("/readyz").await.json();
        (&answer["status"], &answer["bus"]) == (&json!("ready"), &json!(bus))
    };
    eventually(20, &format!("the bus is {bus}"), so).await;
}

async fn says_once(server: &Server, level: &str, text: &str) -> Value {
    eventually(20, text, async || !lines(server, text).is_empty()).await;
    let lines = lines(server, text);
    assert_eq!((lines.len(), &lines[0]["level"]), (1, &json!(level)), "{lines:?}");
    lines[0]["fields"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_without_rights_is_down_and_nothing_is_lost() {
    let nats = Nats::start_with(&rights("elsewhere.>")).unwrap();
    let mut nodes = Nodes::on(nats, 2, |setup| setup);
    let (tom, jerry) = nodes.servers[0].tom_and_jerry().await;
    let mut there = Stream::connect(&nodes.servers[1], &jerry).await;
    for server in &nodes.servers {
        let why = says_once(server, "WARN", DOWN).await;
        assert_eq!(why["server"], format!("127.0.0.1:{}", nodes.nats.port()));
        let reason = why["reason"].as_str().unwrap();
        assert!(reason.starts_with("permissions violation") && reason.contains("test."), "{reason}");
        bus_becomes(server, "down").await;
    }
    assert_eq!(post(&tom, &jerry, "without rights").await.status, 201);
    there.received_until("without rights").await;

    // The subjects below the prefix are enough.
    nodes.nats.set(&rights("test.>")).unwrap();
    for server in &nodes.servers {
        bus_becomes(server, "up").await;
        says_once(server, "INFO", BACK).await;
        says_once(server, "WARN", DOWN).await;
        assert!(!server.printed().contains("async_nats"), "{}", server.printed());
    }
    assert_eq!(post(&tom, &jerry, "with rights").await.status, 201);
    there.received_until("with rights").await;
    nodes.nats.set(&rights("elsewhere.>")).unwrap();
    bus_becomes(&nodes.servers[0], "down").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_on_which_nothing_may_be_said_to_some_users_stays_down_until_it_may() {
    let denied: Vec<_> = (1..20).map(|user| format!("\"test.*.u.{user}\"")).collect();
    let some = format!("publish: {{ allow: [\"test.>\"], deny: [{}] }}", denied.join(", "));
    let users = format!(
        "users: [ {{ user: node, password: node, permissions: {{ {some}, subscribe: [\"test.>\"] }} }} ]"
    );
    let nats = Nats::start_with(&format!("authorization {{ {users} }}\nno_auth_user: node")).unwrap();
    let mut nodes = Nodes::on(nats, 1, |setup| setup);
    let log = nodes.nats.log().to_owned();
    let n_refusals = || std::fs::read_to_string(&log).unwrap().matches("Violation").count();
    let (tom, jerry) = nodes.servers[0].tom_and_jerry().await;
    bus_becomes(&nodes.servers[0], "up").await;
    assert_eq!(post(&tom, &jerry, "the first").await.status, 201);
    bus_becomes(&nodes.servers[0], "down").await;
    let refused_at_first = n_refusals();
    eventually(20, "it was asked for twice", async || {
        assert_eq!(nodes.servers[0].get("/readyz").await.json()["bus"], "down");
        n_refusals() >= refused_at_first + 2 * 2
    })
    .await;
    assert_eq!(post(&tom, &jerry, "the second").await.status, 201);
    let why = says_once(&nodes.servers[0], "WARN", DOWN).await;
    assert!(why["reason"].as_str().unwrap().contains(".u."), "{why}");
    assert_eq!(lines(&nodes.servers[0], BACK), Vec::<Value>::new());

    nodes.nats.set(&rights("test.>")).unwrap();
    bus_becomes(&nodes.servers[0], "up").await;
    assert_eq!(post(&tom, &jerry, "the last").await.status, 201);
    says_once(&nodes.servers[0], "INFO", BACK).await;
    says_once(&nodes.servers[0], "WARN", DOWN).await;
}

/// Opens a port that accepts connections and sends nothing. Returns it and the number of connections.
fn dumb() -> (u16, &'static AtomicUsize) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for _ in listener.incoming() {
            COUNT.fetch_add(1, Ordering::Relaxed);
        }
    });
    (port, &COUNT)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_that_refuses_or_does_not_answer_is_logged_once_with_the_reason() {
    let user =
        |password: &str| format!("authorization {{ users: [ {{ user: tom, password: {password} }} ] }}");
    let mut nats = Nats::start_with(&user("right")).unwrap();
    let (port, attempts) = dumb();
    let urls = [format!("nats://127.0.0.1:{port}"), nats.url().replace("nats://", "nats://tom:wrong@")];
    let number = AtomicUsize::new(0);
    let unused = Nats::start().unwrap();
    let nodes =
        Nodes::on(unused, 2, |setup| setup.env("NATS_URL", &urls[number.fetch_add(1, Ordering::Relaxed)]));
    let [deaf, refused] = &nodes.servers[..] else { panic!("two nodes") };
    let log = nats.log().to_owned();
    let refusals = || std::fs::read_to_string(&log).unwrap().matches("authentication error").count();
    eventually(20, "some attempts", async || attempts.load(Ordering::Relaxed) > 3 && refusals() > 3).await;
    for (server, port, reason) in
        [(deaf, port, "expected INFO"), (refused, nats.port(), "authorization violation")]
    {
        let why = says_once(server, "WARN", DOWN).await;
        assert_eq!(why["server"], format!("127.0.0.1:{port}"));
        assert!(why["reason"].as_str().unwrap().contains(reason), "{why}");
        bus_becomes(server, "down").await;
        assert!(!server.printed().contains("async_nats"), "{}", server.printed());
    }
    nats.set(&user("wrong")).unwrap();
    bus_becomes(refused, "up").await;
    says_once(refused, "INFO", BACK).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_without_a_bus_does_not_call_it_down() {
    let nodes = Nodes::start_with(1, |setup| setup.env("NATS_URL", ""));
    bus_becomes(&nodes.servers[0], "none").await;
    assert_eq!(lines(&nodes.servers[0], "NATS"), Vec::<Value>::new());
}
