//! Prometheus metrics: served on an address of their own, only if configured, and correct.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::people::p2p;
use crate::support::v2::to_user;
use crate::support::{Request, Server, Setup, Stream, Ws, eventually};

/// Values of one reading, by name and labels.
#[derive(Debug)]
struct Page(BTreeMap<String, f64>);

impl Page {
    async fn read(server: &Server) -> Self {
        let answer = Request::get("/metrics").send(&metrics_address(server).unwrap()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        assert!(text.ends_with("# EOF\n"), "{text}");
        let values = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        });
        Self(values.collect())
    }

    #[track_caller]
    fn value(&self, name: &str) -> f64 {
        let value = self.0.get(&format!("chatserver_{name}"));
        *value.unwrap_or_else(|| panic!("no {name} in {:#?}", self.0))
    }

    /// Returns the increase since an earlier reading.
    #[track_caller]
    fn since(&self, earlier: &Self, name: &str) -> f64 {
        self.value(name) - earlier.0.get(&format!("chatserver_{name}")).copied().unwrap_or(0.0)
    }
}

/// Returns the address on which the server says that it serves metrics.
pub fn metrics_address(server: &Server) -> Option<String> {
    let printed = server.printed();
    let mut lines = printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let line = lines.find(|line| line["fields"]["message"] == "serving metrics")?;
    let url = line["fields"]["url"].as_str().unwrap();
    Some(url.strip_prefix("http://")?.strip_suffix("/metrics")?.to_owned())
}

fn watched() -> Setup {
    Setup::new().on_one_node("each node counts for itself").env("METRICS_ADDRESS", "127.0.0.1:0")
}

#[tokio::test]
async fn metrics_are_served_where_asked_for_and_nowhere_else() {
    let unwatched = Setup::new().env("METRICS_ADDRESS", "").start();
    assert_eq!(metrics_address(&unwatched), None);
    let server = watched().start();
    for server in [&unwatched, &server] {
        server.get("/metrics").await.refused(404, "route_not_found");
    }
    let address = metrics_address(&server).unwrap();
    let answer = Request::get("/metrics").send(&address).await;
    let media_type = answer.header("content-type").unwrap();
    assert!(media_type.starts_with("application/openmetrics-text; version=1.0.0"), "{media_type}");
    for path in ["/", "/v1/users", "/readyz"] {
        assert_eq!(Request::get(path).send(&address).await.status, 404, "{path}");
    }
}

#[test]
fn an_address_that_cannot_be_listened_on_is_refused() {
    for bad in ["nonsense", "127.0.0.1", "127.0.0.1:http", "192.0.2.1:9090"] {
        Setup::new().env("METRICS_ADDRESS", bad).refuse().says("METRICS_ADDRESS");
    }
}

#[tokio::test]
async fn sends_are_counted_by_door_and_outcome() {
    let server = watched().start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut stream = Stream::connect(&server, &tom).await;
    let mut ws = Ws::connect(&server, &jerry).await;
    let before = Page::read(&server).await;
    let keyed = json!({"content": "hi", "client_msg_id": "k"});
    for _ in 0..2 {
        tom.post(&p2p(2), &keyed).await.expect(201);
    }
    tom.post(&p2p(999), &json!({"content": "hi"})).await.refused(404, "user_not_found");
    stream.send(to_user(&jerry), "one").await;
    stream.send(to_user(&jerry), "two").await;
    ws.text(r#"{"type":"text","recipient_id":1,"content":"three"}"#).await;
    ws.text(r#"{"type":"text","recipient_id":999,"content":"four"}"#).await;
    while ws.frame().await["type"] != "error" {}
    let after = Page::read(&server).await;
    for (door, [accepted, duplicate, refused]) in
        [("rest", [1.0, 1.0, 1.0]), ("v1", [1.0, 0.0, 1.0]), ("v2", [2.0, 0.0, 0.0])]
    {
        for (outcome, count) in [("accepted", accepted), ("duplicate", duplicate), ("refused", refused)] {
            let name = format!("sends_total{{door=\"{door}\",outcome=\"{outcome}\"}}");
            assert_eq!(after.since(&before, &name), count, "{name}");
        }
    }
    assert!(after.since(&before, "commit_duration_seconds_count") >= 4.0);
    assert!(after.since(&before, "commit_batch_writes_sum") >= 4.0);
    // The last message may still be on its way, and its delivery is counted after that.
    eventually(10, "nothing waits", async || {
        let now = Page::read(&server).await;
        ["write_queue_depth", "hub_queue_depth{shard=\"0\"}"].iter().all(|name| now.value(name) == 0.0)
    })
    .await;
}

#[tokio::test]
async fn a_frame_counts_once_for_every_client_that_it_is_for() {
    let server = watched().start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    tom.write(&jerry, "their conversation is made").await;
    let mut streams = Vec::new();
    for user in [&tom, &jerry, &jerry, &spike] {
        streams.push(Stream::connect(&server, user).await);
    }
    let before = Page::read(&server).await;
    for number in 0..5 {
        tom.write(&jerry, &number.to_string()).await;
    }
    for stream in &mut streams[..3] {
        stream.received_until("4").await;
    }
    let after = Page::read(&server).await;
    assert_eq!(after.since(&before, "fanout_deliveries_total"), 5.0 * 3.0);
}

#[tokio::test]
async fn requests_are_counted_under_their_routes_and_made_up_paths_under_one_name() {
    let server = watched().start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let id = tom.write(&jerry, "hi").await["id"].clone();
    let before = Page::read(&server).await;
    tom.get(&format!("/v1/messages/{id}")).await.expect(200);
    tom.get("/v1/messages/999999").await.refused(404, "message_not_found");
    for number in 0..20 {
        server.get(&format!("/made/up/{number}")).await.refused(404, "route_not_found");
    }
    let after = Page::read(&server).await;
    let of_message = r#"method="GET",route="/v1/messages/{id}""#;
    assert_eq!(after.since(&before, &format!("http_requests_total{{{of_message},status=\"2xx\"}}")), 1.0);
    assert_eq!(after.since(&before, &format!("http_requests_total{{{of_message},status=\"4xx\"}}")), 1.0);
    assert_eq!(after.value(&format!("http_request_duration_seconds_count{{{of_message}}}")), 2.0);
    let elsewhere = r#"http_requests_total{method="any",route="other",status="4xx"}"#;
    assert_eq!(after.since(&before, elsewhere), 20.0);
    assert!(!after.0.keys().any(|name| name.contains("made")), "{after:#?}");
}

async fn connections(server: &Server, protocol: &str) -> f64 {
    Page::read(server).await.value(&format!("connections{{protocol=\"{protocol}\"}}"))
}

#[tokio::test]
async fn connections_and_how_they_begin_and_end_are_counted() {
    let server = watched().env("MAX_CONNECTIONS_PER_USER", "2").start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let stream = Stream::connect(&server, &tom).await;
    let cursor = stream.cursor.clone();
    let ws = Ws::connect(&server, &tom).await;
    assert_eq!((connections(&server, "v1").await, connections(&server, "v2").await), (1.0, 1.0));
    assert_eq!(Ws::open(&server, &format!("/ws?token={}", tom.token), &[]).await.err(), Some(429));
    assert_eq!(Ws::open(&server, "/ws?token=nonsense", &[]).await.err(), Some(401));
    ws.leave().await;
    stream.ws.leave().await;
    jerry.write(&tom, "missed").await;
    let (resumed, missed) = Stream::resume(&server, &tom, &cursor).await;
    assert!(!missed.is_empty());
    resumed.ws.leave().await;
    let mut stream = Stream::greeted_next(&server, &tom, "/ws?cursor=1-1").await;
    stream.next("resync").await;
    stream.ws.leave().await;
    eventually(10, "no connection", async || connections(&server, "v2").await == 0.0).await;
    let page = Page::read(&server).await;
    for (name, count) in [
        ("connections{protocol=\"v1\"}", 0.0),
        ("connections_refused_total{reason=\"user\"}", 1.0),
        ("connections_refused_total{reason=\"unauthenticated\"}", 1.0),
        ("resumes_total{outcome=\"fresh\"}", 1.0),
        ("resumes_total{outcome=\"resumed\"}", 1.0),
        ("resumes_total{outcome=\"resync\"}", 1.0),
        ("replayed_events_total{protocol=\"v2\"}", missed.len() as f64),
        ("closes_total{code=\"1000\"}", 4.0),
        ("slow_closes_total", 0.0),
    ] {
        assert_eq!(page.value(name), count, "{name}");
    }
}

#[tokio::test]
async fn a_client_that_is_too_slow_is_counted() {
    let server = watched().env("MAX_QUEUED_FRAMES", "4").start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let silent = crate::support::RawWs::connect_narrow(&server, &jerry.token).await;
    let content = "x".repeat(16_000);
    eventually(60, "a slow close", async || {
        for _ in 0..50 {
            tom.write(&jerry, &content).await;
        }
        Page::read(&server).await.value("slow_closes_total") == 1.0
    })
    .await;
    assert_eq!(Page::read(&server).await.value("closes_total{code=\"4008\"}"), 1.0);
    drop(silent);
}

#[tokio::test]
async fn readiness_is_what_a_write_says_and_the_process_is_described() {
    let server = watched().start();
    let page = Page::read(&server).await;
    assert_eq!(page.value("ready"), 1.0);
    let build = page.0.keys().find(|name| name.starts_with("chatserver_build_info{")).unwrap();
    assert!(build.contains(&format!("version=\"{}\"", env!("CARGO_PKG_VERSION"))), "{build}");
    let resident = page.value("process_resident_memory_bytes") / 1024.0;
    let system = server.resident_kib("VmRSS") as f64;
    assert!((resident / system - 1.0).abs() < 0.5, "{resident} KiB, the system says {system}");
    assert!(page.value("process_open_fds") > 5.0);
    assert!(page.value("process_max_fds") >= page.value("process_open_fds"));
    assert!(page.value("read_pool_size") >= 2.0);
    let uptime = page.value("uptime_seconds");
    assert!(Page::read(&server).await.value("uptime_seconds") > uptime);

    let lock = Connection::open(server.setup.database()).unwrap();
    lock.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(Page::read(&server).await.value("ready"), 0.0);
    lock.execute_batch("ROLLBACK").unwrap();
    eventually(20, "ready again", async || Page::read(&server).await.value("ready") == 1.0).await;
}

/// `/readyz` needs no login, so a flood of requests must not cause a disk write each.
#[tokio::test]
async fn those_who_ask_for_readiness_together_cost_a_write_together() {
    let server = watched().start();
    let before = Page::read(&server).await;
    // While the lock is held, all requests wait.
    let lock = Connection::open(server.setup.database()).unwrap();
    lock.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let asking = (0..200).map(|_| {
        let address = server.address.clone();
        tokio::spawn(async move { Request::get("/readyz").send(&address).await })
    });
    let asking: Vec<_> = asking.collect();
    for _ in 0..5 {
        server.get("/healthz").await.expect(200);
    }
    lock.execute_batch("ROLLBACK").unwrap();
    for asked in asking {
        asked.await.unwrap().expect(200);
    }
    let writes = Page::read(&server).await.since(&before, "commit_batch_writes_sum");
    assert!((1.0..=50.0).contains(&writes), "200 questions, {writes} writes");
}

/// Returns the names of metrics in a text, in the form that the page has.
fn names_in(text: &str) -> BTreeSet<String> {
    let names = regex::Regex::new("chatserver_[a-z_]+").unwrap();
    names.find_iter(text).map(|name| name.as_str().to_owned()).collect()
}

/// An alert on a missing metric would never fire, and a panel would stay empty.
#[tokio::test]
async fn what_the_alerts_and_the_board_ask_for_is_there() {
    let server = watched().start();
    server.get("/ping").await.expect(200);
    let page = Request::get("/metrics").send(&metrics_address(&server).unwrap()).await.text();
    let known = names_in(&page);
    let deploy = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    let mut asked = BTreeSet::new();
    for file in ["prometheus/alerts.yml", "grafana/chatserver.json"] {
        asked.extend(names_in(&std::fs::read_to_string(deploy.join(file)).unwrap()));
    }
    assert!(asked.len() > 20, "{asked:?}");
    // Metrics of a cluster and of TLS exist only with these.
    let elsewhere =
        |name: &&String| ["_relay_", "_tls_", "_clock_skew_"].iter().any(|part| name.contains(part));
    let missing: Vec<_> = asked.difference(&known).filter(|name| !elsewhere(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test]
async fn the_index_for_searching_catches_up() {
    let server = watched().start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "cheese").await;
    eventually(10, "no lag", async || Page::read(&server).await.value("search_lag_events") == 0.0).await;
    let without = watched().env("SEARCH", "false").start();
    let page = Page::read(&without).await;
    assert!(!page.0.contains_key("chatserver_search_lag_events"));
}
