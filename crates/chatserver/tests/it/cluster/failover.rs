//! A standby takes over from the primary while nodes keep running, or somebody restores the database. What the database
//! has lost stays lost, and every client that got such an event reloads before it gets any other.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chat_engines::{Nats, Postgres};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::nodes::{DATABASE, Nodes, at, post};
use crate::support::{Got, Server, Setup, Stream, User, eventually};

/// Logged exactly once.
const LINE: &str = "the database is not the one that clients know";
/// For a busy machine. `torture` measures how long it takes on a quiet one.
const LIVE_WITHIN: Duration = Duration::from_secs(20);

/// A primary, a standby, and nodes that know both.
struct Replicated {
    // Dropped before the engines.
    servers: Vec<Server>,
    primary: Postgres,
    standby: Postgres,
    nats: Nats,
}

impl Replicated {
    fn start(is_synchronous: bool) -> Self {
        let primary = Postgres::start().unwrap_or_else(|error| panic!("no PostgreSQL: {error:#}"));
        let nats = Nats::start().unwrap_or_else(|error| panic!("no NATS: {error:#}"));
        primary.create_database(DATABASE).unwrap();
        let standby = primary.standby().unwrap();
        if is_synchronous {
            let wait = "ALTER SYSTEM SET synchronous_standby_names = '*'";
            primary.databases().execute(DATABASE, wait).unwrap();
            primary.databases().execute(DATABASE, "SELECT pg_reload_conf()").unwrap();
        }
        let mut cluster = Self { servers: Vec::new(), primary, standby, nats };
        cluster.servers = (0..2).map(|_| cluster.setup().start()).collect();
        cluster
    }

    /// Returns the settings of one more node.
    fn setup(&self) -> Setup {
        let hosts = [&self.primary, &self.standby].map(|server| format!("127.0.0.1:{}", server.port()));
        let url =
            format!("postgres://postgres@{}/{DATABASE}?target_session_attrs=read-write", hosts.join(","));
        let setup = Setup::new().on_one_node("each node is a server of its own here");
        let setup = setup.env("DATABASE_URL", &url).env("NATS_URL", &self.nats.url());
        setup.env("NATS_PREFIX", "test").env("JWT_SECRET", "one key for all the nodes of this test")
    }

    /// Waits until the standby has everything that the primary has.
    async fn standby_has_all(&self) {
        let end = |server: &Postgres| {
            server.databases().execute(DATABASE, "SELECT position FROM chatserver.log").unwrap_or_default()
        };
        eventually(20, "the standby follows", async || end(&self.primary) == end(&self.standby)).await;
    }

    async fn stored(&self) -> Vec<String> {
        let keys = "SELECT client_msg_id FROM chatserver.messages ORDER BY id";
        let keys = self.standby.databases().execute(DATABASE, keys).unwrap();
        keys.lines().map(str::to_owned).collect()
    }
}

/// Counts how often a node has logged that its database is another one.
fn n_lines(server: &Server) -> usize {
    server.printed().lines().filter(|line| line.contains(LINE)).count()
}

/// Returns the code of the closing frame, before which no message arrives.
async fn closed_without_events(stream: &mut Stream) -> u16 {
    loop {
        match stream.ws.next().await {
            Got::Closed(code, _) => return code,
            Got::Text(text) => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                assert_ne!(frame["type"], "message", "{frame}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Connects again with a cursor that must not be served. Returns the stream, with the cursor to go on from.
async fn reloads(server: &Server, user: &User, cursor: &str) -> Stream {
    let mut stream = Stream::greeted_next(server, user, &format!("/ws?cursor={cursor}")).await;
    let hello = stream.frame().await;
    assert_eq!((&hello["type"], &hello["resumed"]), (&json!("hello"), &json!(false)), "{hello}");
    let resync = stream.frame().await;
    assert_eq!(resync["type"], "resync", "{resync}");
    assert_ne!(epoch(&stream.cursor), epoch(cursor));
    assert_eq!(stream.frame().await["type"], "live");
    stream
}

fn epoch(cursor: &str) -> &str {
    cursor.split_once('-').unwrap().0
}

/// Sends a message, again and again until it is accepted.
async fn insist(from: &User, to: &User, key: &str) {
    let began = Instant::now();
    while post(from, to, key).await.status >= 300 {
        assert!(began.elapsed() < LIVE_WITHIN, "nothing can be written");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_got_what_the_standby_lacked_reload_however_far_the_log_has_come_since() {
    let mut cluster = Replicated::start(false);
    let (tom, jerry) = cluster.servers[0].tom_and_jerry().await;
    let mut toms = Stream::connect(&cluster.servers[0], &tom).await;
    let mut jerrys = Stream::connect(&cluster.servers[1], &jerry).await;
    assert_eq!(post(&tom, &jerry, "kept").await.status, 201);
    jerrys.received_until("kept").await;
    cluster.standby_has_all().await;
    cluster.standby.crash().unwrap();
    for key in ["lost 1", "lost 2", "lost 3"] {
        assert_eq!(post(&tom, &jerry, key).await.status, 201);
    }
    jerrys.received_until("lost 3").await;
    toms.received_until("lost 3").await;
    // A client that knows the lost message and is offline during the failover.
    let mut away = Stream::connect(&cluster.servers[1], &tom).await;
    away.ok(json!({"op": "ping"})).await;
    let away = away.cursor;

    cluster.primary.crash().unwrap();
    cluster.standby.start_again().unwrap();
    cluster.standby.promote().unwrap();
    // The same log positions are assigned again, and more of them.
    let after: Vec<_> = (1..=8).map(|number| format!("new {number}")).collect();
    for key in &after {
        insist(&tom, &jerry, key).await;
    }
    assert_eq!(closed_without_events(&mut toms).await, 1012);
    assert_eq!(closed_without_events(&mut jerrys).await, 1012);
    let mut toms = reloads(&cluster.servers[1], &tom, &toms.cursor).await;
    let mut jerrys = reloads(&cluster.servers[0], &jerry, &jerrys.cursor).await;
    let aways = reloads(&cluster.servers[0], &tom, &away).await;
    assert_eq!(epoch(&toms.cursor), epoch(&jerrys.cursor));
    assert_eq!(epoch(&toms.cursor), epoch(&aways.cursor));

    // Only what the database has lost is missing.
    let expected: Vec<_> = ["kept"].into_iter().map(str::to_owned).chain(after).collect();
    assert_eq!(cluster.stored().await, expected);
    for server in &cluster.servers {
        let history = at(server, &jerry).history(&tom).await;
        let contents: Vec<_> = history.iter().map(|message| message["content"].as_str().unwrap()).collect();
        assert_eq!(contents, expected);
    }
    // The nodes are on the same log again and deliver each other's events as usual.
    insist(&at(&cluster.servers[1], &tom), &jerry, "from the second").await;
    jerrys.received_until("from the second").await;
    insist(&jerry, &tom, "from the first").await;
    toms.received_until("from the first").await;
    let (_, missed) = Stream::resume(&cluster.servers[0], &tom, &aways.cursor).await;
    let missed: Vec<_> = missed.iter().filter_map(|frame| frame["message"]["content"].as_str()).collect();
    assert_eq!(missed, ["from the second", "from the first"]);
    for server in &cluster.servers {
        assert_eq!(n_lines(server), 1, "{}", server.printed());
    }
}

/// Sends one message after the other until `ends`, each until it is acknowledged. Returns their keys.
fn sender(from: User, to: User, name: &'static str, ends: Arc<AtomicBool>) -> JoinHandle<Vec<String>> {
    tokio::spawn(async move {
        let mut acknowledged = Vec::new();
        while !ends.load(Ordering::Relaxed) {
            let key = format!("{name} {}", acknowledged.len());
            insist(&from, &to, &key).await;
            acknowledged.push(key);
        }
        acknowledged
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_with_a_primary_that_waits_for_its_standby() {
    let mut cluster = Replicated::start(true);
    let (tom, jerry) = cluster.servers[0].tom_and_jerry().await;
    let mut streams = Vec::new();
    for server in &cluster.servers {
        streams.push(Stream::connect(server, &jerry).await);
    }
    let ends = Arc::new(AtomicBool::new(false));
    let senders = [
        sender(tom.clone(), jerry.clone(), "one", ends.clone()),
        sender(at(&cluster.servers[1], &tom), jerry.clone(), "other", ends.clone()),
    ];
    for stream in &mut streams {
        stream.received_until("one 20").await;
    }
    cluster.primary.crash().unwrap();
    cluster.standby.promote().unwrap();
    let promoted = Instant::now();
    let mut again = Vec::new();
    for (mut before, server) in streams.into_iter().zip(&cluster.servers) {
        assert_eq!(before.closed().await, 1012);
        again.push(reloads(server, &jerry, &before.cursor).await);
    }
    let took = promoted.elapsed();
    eprintln!("live again {} ms after the promotion", took.as_millis());
    assert!(took < LIVE_WITHIN, "{took:?}");
    insist(&tom, &jerry, "a last one").await;
    ends.store(true, Ordering::Relaxed);
    let mut acknowledged = vec!["a last one".to_owned()];
    for sender in senders {
        acknowledged.extend(sender.await.unwrap());
    }
    insist(&tom, &jerry, "the end").await;
    acknowledged.push("the end".into());
    let stored = cluster.stored().await;
    let once: BTreeSet<_> = stored.iter().collect();
    assert_eq!(once.len(), stored.len(), "{stored:?}");
    assert_eq!(once, acknowledged.iter().collect());
    // Everything after the failover arrives without a gap.
    for stream in &mut again {
        let received = stream.received_until("the end").await;
        let seqs = received.iter().filter_map(|frame| frame["message"]["seq"].as_i64()).collect::<Vec<_>>();
        let last = i64::try_from(stored.len()).unwrap();
        assert_eq!(seqs, (last + 1 - i64::try_from(seqs.len()).unwrap()..=last).collect::<Vec<_>>());
    }
    for server in &cluster.servers {
        assert_eq!(n_lines(server), 1, "{}", server.printed());
    }
}

/// Counts the messages of a server.
fn n_stored(server: &Postgres) -> String {
    server.databases().execute(DATABASE, "SELECT count(*) FROM chatserver.messages").unwrap()
}

/// Makes the nodes open all their sessions again.
fn cut_off(server: &Postgres) {
    let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    server.databases().execute(DATABASE, others).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_says_nothing_any_more_is_passed_over_also_when_it_is_back() {
    let mut cluster = Replicated::start(false);
    let (tom, jerry) = cluster.servers[0].tom_and_jerry().await;
    let mut jerrys = Stream::connect(&cluster.servers[1], &jerry).await;
    assert_eq!(post(&tom, &jerry, "before").await.status, 201);
    jerrys.received_until("before").await;
    cluster.standby_has_all().await;

    // It accepts connections but never answers.
    cluster.primary.pause().unwrap();
    cluster.standby.promote().unwrap();
    insist(&tom, &jerry, "after").await;
    assert_eq!(closed_without_events(&mut jerrys).await, 1012);
    reloads(&cluster.servers[1], &jerry, &jerrys.cursor).await;
    let third = cluster.setup().start();
    insist(&at(&third, &tom), &jerry, "by a node that begins beside it").await;

    // The old primary accepts writes again and is the first of the hosts.
    cluster.primary.resume().unwrap();
    cut_off(&cluster.standby);
    let fourth = cluster.setup().start();
    let nodes = || cluster.servers.iter().chain([&third, &fourth]);
    for (number, server) in nodes().enumerate() {
        insist(&at(server, &tom), &jerry, &format!("from {number}")).await;
    }
    assert_eq!((n_stored(&cluster.primary), n_stored(&cluster.standby)), ("1".into(), "7".into()));
    // The new primary is away for a moment. No node goes back to the old one meanwhile.
    cluster.standby.crash().unwrap();
    assert_eq!(post(&tom, &jerry, "nowhere").await.status, 503);
    cluster.standby.start_again().unwrap();
    for (number, server) in nodes().enumerate() {
        insist(&at(server, &tom), &jerry, &format!("again from {number}")).await;
    }
    assert_eq!((n_stored(&cluster.primary), n_stored(&cluster.standby)), ("1".into(), "11".into()));
}

/// Dumps the tables.
fn dump(postgres: &Postgres) -> Vec<u8> {
    let mut command = Command::new(postgres.programs().join("pg_dump"));
    let output = command.args(["--schema=chatserver", &postgres.url(DATABASE)]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// Replaces the tables by the dump's.
fn restore(postgres: &Postgres, dump: &[u8]) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), [b"DROP SCHEMA chatserver CASCADE;\n", dump].concat()).unwrap();
    let mut command = Command::new(postgres.programs().join("psql"));
    command.args(["--no-psqlrc", "-q", "--single-transaction", "-v", "ON_ERROR_STOP=1", "-f"]);
    let output = command.arg(file.path()).arg(postgres.url(DATABASE)).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// No client sends a request, and the nodes' sessions stay open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_stay_on_notice_what_somebody_does_to_the_database() {
    let nodes = Nodes::start(2);
    let (tom, jerry) = nodes.servers[0].tom_and_jerry().await;
    let mut toms = Stream::connect(&nodes.servers[0], &tom).await;
    let mut jerrys = Stream::connect(&nodes.servers[1], &jerry).await;
    assert_eq!(post(&tom, &jerry, "kept").await.status, 201);
    for stream in [&mut toms, &mut jerrys] {
        stream.received_until("kept").await;
    }
    let renew = "UPDATE chatserver.log SET epoch = 4711";
    nodes.postgres.databases().execute(DATABASE, renew).unwrap();
    for stream in [&mut toms, &mut jerrys] {
        assert_eq!(closed_without_events(stream).await, 1012);
    }
    let mut toms = reloads(&nodes.servers[0], &tom, &toms.cursor).await;
    let mut jerrys = reloads(&nodes.servers[1], &jerry, &jerrys.cursor).await;
    assert_eq!((epoch(&toms.cursor), epoch(&jerrys.cursor)), ("00001267", "00001267"));

    let kept = dump(&nodes.postgres);
    assert_eq!(post(&tom, &jerry, "lost").await.status, 201);
    for stream in [&mut toms, &mut jerrys] {
        stream.received_until("lost").await;
    }
    restore(&nodes.postgres, &kept);
    for stream in [&mut toms, &mut jerrys] {
        assert_eq!(closed_without_events(stream).await, 1012);
    }
    let mut jerrys = reloads(&nodes.servers[1], &jerry, &jerrys.cursor).await;
    insist(&tom, &jerry, "after").await;
    let received = jerrys.received_until("after").await;
    assert_eq!(received.last().unwrap()["message"]["seq"], 2);
    assert_eq!(nodes.servers.iter().map(n_lines).collect::<Vec<_>>(), [2, 2]);
}
