//! A standby takes over from the primary under nodes that stay on, or somebody puts the database back: what the database
//! has lost is lost, and every client that was told of it is told to load anew, before it is told of anything else.

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

/// What the log says once, and nothing else of it.
const LINE: &str = "the database is not the one that clients know";
/// For a machine that has other work; how long it takes on one that has none is measured by `torture`.
const LIVE_WITHIN: Duration = Duration::from_secs(20);

/// A primary, a standby, and nodes that know both.
struct Stage {
    // Ends before the engines.
    servers: Vec<Server>,
    primary: Postgres,
    standby: Postgres,
    nats: Nats,
}

impl Stage {
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
        let mut stage = Self { servers: Vec::new(), primary, standby, nats };
        stage.servers = (0..2).map(|_| stage.setup().start()).collect();
        stage
    }

    /// Of one more node.
    fn setup(&self) -> Setup {
        let hosts = [&self.primary, &self.standby].map(|server| format!("127.0.0.1:{}", server.port()));
        let url =
            format!("postgres://postgres@{}/{DATABASE}?target_session_attrs=read-write", hosts.join(","));
        let setup = Setup::new().on_one_node("each node is a server of its own here");
        let setup = setup.env("DATABASE_URL", &url).env("NATS_URL", &self.nats.url());
        setup.env("NATS_PREFIX", "test").env("JWT_SECRET", "one key for all the nodes of this test")
    }

    /// Waits until the standby has all that the primary has.
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

/// How often a node has said that its database is another one.
fn n_lines(server: &Server) -> usize {
    server.printed().lines().filter(|line| line.contains(LINE)).count()
}

/// The closing frame, before which the client is told of no message.
async fn closed_untold(stream: &mut Stream) -> u16 {
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

/// Comes again with a cursor that must not be served; gives the stream and the cursor to go on from.
async fn loads_anew(server: &Server, user: &User, cursor: &str) -> Stream {
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

/// Writes it, however often that has to be tried.
async fn insist(from: &User, to: &User, key: &str) {
    let began = Instant::now();
    while post(from, to, key).await.status >= 300 {
        assert!(began.elapsed() < LIVE_WITHIN, "nothing can be written");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_told_what_the_standby_lacked_loads_anew_however_far_the_log_has_come_since() {
    let mut stage = Stage::start(false);
    let (tom, jerry) = stage.servers[0].tom_and_jerry().await;
    let mut toms = Stream::connect(&stage.servers[0], &tom).await;
    let mut jerrys = Stream::connect(&stage.servers[1], &jerry).await;
    assert_eq!(post(&tom, &jerry, "kept").await.status, 201);
    jerrys.told_until("kept").await;
    stage.standby_has_all().await;
    stage.standby.crash().unwrap();
    for key in ["lost 1", "lost 2", "lost 3"] {
        assert_eq!(post(&tom, &jerry, key).await.status, 201);
    }
    jerrys.told_until("lost 3").await;
    toms.told_until("lost 3").await;
    // Somebody who knows of it, and is away when it happens.
    let mut away = Stream::connect(&stage.servers[1], &tom).await;
    away.ok(json!({"op": "ping"})).await;
    let away = away.cursor;

    stage.primary.crash().unwrap();
    stage.standby.start_again().unwrap();
    stage.standby.promote().unwrap();
    // The places are given out again, and more of them.
    let after: Vec<_> = (1..=8).map(|number| format!("new {number}")).collect();
    for key in &after {
        insist(&tom, &jerry, key).await;
    }
    assert_eq!(closed_untold(&mut toms).await, 1012);
    assert_eq!(closed_untold(&mut jerrys).await, 1012);
    let mut toms = loads_anew(&stage.servers[1], &tom, &toms.cursor).await;
    let mut jerrys = loads_anew(&stage.servers[0], &jerry, &jerrys.cursor).await;
    let aways = loads_anew(&stage.servers[0], &tom, &away).await;
    assert_eq!(epoch(&toms.cursor), epoch(&jerrys.cursor));
    assert_eq!(epoch(&toms.cursor), epoch(&aways.cursor));

    // Lost is what the database has lost.
    let expected: Vec<_> = ["kept"].into_iter().map(str::to_owned).chain(after).collect();
    assert_eq!(stage.stored().await, expected);
    for server in &stage.servers {
        let history = at(server, &jerry).history(&tom).await;
        let contents: Vec<_> = history.iter().map(|message| message["content"].as_str().unwrap()).collect();
        assert_eq!(contents, expected);
    }
    // And the nodes tell each other as ever, in what is one log again.
    insist(&at(&stage.servers[1], &tom), &jerry, "from the second").await;
    jerrys.told_until("from the second").await;
    insist(&jerry, &tom, "from the first").await;
    toms.told_until("from the first").await;
    let (_, missed) = Stream::resume(&stage.servers[0], &tom, &aways.cursor).await;
    let missed: Vec<_> = missed.iter().filter_map(|frame| frame["message"]["content"].as_str()).collect();
    assert_eq!(missed, ["from the second", "from the first"]);
    for server in &stage.servers {
        assert_eq!(n_lines(server), 1, "{}", server.printed());
    }
}

/// Sends one message after the other until it is to end, each until it is acknowledged; gives their keys.
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
    let mut stage = Stage::start(true);
    let (tom, jerry) = stage.servers[0].tom_and_jerry().await;
    let mut streams = Vec::new();
    for server in &stage.servers {
        streams.push(Stream::connect(server, &jerry).await);
    }
    let ends = Arc::new(AtomicBool::new(false));
    let senders = [
        sender(tom.clone(), jerry.clone(), "one", ends.clone()),
        sender(at(&stage.servers[1], &tom), jerry.clone(), "other", ends.clone()),
    ];
    for stream in &mut streams {
        stream.told_until("one 20").await;
    }
    stage.primary.crash().unwrap();
    stage.standby.promote().unwrap();
    let promoted = Instant::now();
    let mut again = Vec::new();
    for (mut before, server) in streams.into_iter().zip(&stage.servers) {
        assert_eq!(before.closed().await, 1012);
        again.push(loads_anew(server, &jerry, &before.cursor).await);
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
    let stored = stage.stored().await;
    let once: BTreeSet<_> = stored.iter().collect();
    assert_eq!(once.len(), stored.len(), "{stored:?}");
    assert_eq!(once, acknowledged.iter().collect());
    // What came after the new beginning is told without a gap.
    for stream in &mut again {
        let told = stream.told_until("the end").await;
        let seqs = told.iter().filter_map(|frame| frame["message"]["seq"].as_i64()).collect::<Vec<_>>();
        let last = i64::try_from(stored.len()).unwrap();
        assert_eq!(seqs, (last + 1 - i64::try_from(seqs.len()).unwrap()..=last).collect::<Vec<_>>());
    }
    for server in &stage.servers {
        assert_eq!(n_lines(server), 1, "{}", server.printed());
    }
}

/// How many messages a server has.
fn n_stored(server: &Postgres) -> String {
    server.databases().execute(DATABASE, "SELECT count(*) FROM chatserver.messages").unwrap()
}

/// Has the nodes begin all their sessions anew.
fn cut_off(server: &Postgres) {
    let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    server.databases().execute(DATABASE, others).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_says_nothing_any_more_is_passed_over_also_when_it_is_back() {
    let mut stage = Stage::start(false);
    let (tom, jerry) = stage.servers[0].tom_and_jerry().await;
    let mut jerrys = Stream::connect(&stage.servers[1], &jerry).await;
    assert_eq!(post(&tom, &jerry, "before").await.status, 201);
    jerrys.told_until("before").await;
    stage.standby_has_all().await;

    // It takes connections, and nothing comes of them.
    stage.primary.pause().unwrap();
    stage.standby.promote().unwrap();
    insist(&tom, &jerry, "after").await;
    assert_eq!(closed_untold(&mut jerrys).await, 1012);
    loads_anew(&stage.servers[1], &jerry, &jerrys.cursor).await;
    let third = stage.setup().start();
    insist(&at(&third, &tom), &jerry, "by a node that begins beside it").await;

    // It takes writes again, as if nothing had happened, and is the first of the hosts.
    stage.primary.resume().unwrap();
    cut_off(&stage.standby);
    let fourth = stage.setup().start();
    let nodes = || stage.servers.iter().chain([&third, &fourth]);
    for (number, server) in nodes().enumerate() {
        insist(&at(server, &tom), &jerry, &format!("from {number}")).await;
    }
    assert_eq!((n_stored(&stage.primary), n_stored(&stage.standby)), ("1".into(), "7".into()));
    // The new one is away for a moment, and nobody goes back to the old one meanwhile.
    stage.standby.crash().unwrap();
    assert_eq!(post(&tom, &jerry, "nowhere").await.status, 503);
    stage.standby.start_again().unwrap();
    for (number, server) in nodes().enumerate() {
        insist(&at(server, &tom), &jerry, &format!("again from {number}")).await;
    }
    assert_eq!((n_stored(&stage.primary), n_stored(&stage.standby)), ("1".into(), "11".into()));
}

/// The tables as they are now.
fn dump(postgres: &Postgres) -> Vec<u8> {
    let mut command = Command::new(postgres.programs().join("pg_dump"));
    let output = command.args(["--schema=chatserver", &postgres.url(DATABASE)]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// Puts them in the place of those that are there.
fn restore(postgres: &Postgres, dump: &[u8]) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), [b"DROP SCHEMA chatserver CASCADE;\n", dump].concat()).unwrap();
    let mut command = Command::new(postgres.programs().join("psql"));
    command.args(["--no-psqlrc", "-q", "--single-transaction", "-v", "ON_ERROR_STOP=1", "-f"]);
    let output = command.arg(file.path()).arg(postgres.url(DATABASE)).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Nobody asks for anything, and the sessions of the nodes stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_stay_on_notice_what_somebody_does_to_the_database() {
    let nodes = Nodes::start(2);
    let (tom, jerry) = nodes.servers[0].tom_and_jerry().await;
    let mut toms = Stream::connect(&nodes.servers[0], &tom).await;
    let mut jerrys = Stream::connect(&nodes.servers[1], &jerry).await;
    assert_eq!(post(&tom, &jerry, "kept").await.status, 201);
    for stream in [&mut toms, &mut jerrys] {
        stream.told_until("kept").await;
    }
    let renew = "UPDATE chatserver.log SET epoch = 4711";
    nodes.postgres.databases().execute(DATABASE, renew).unwrap();
    for stream in [&mut toms, &mut jerrys] {
        assert_eq!(closed_untold(stream).await, 1012);
    }
    let mut toms = loads_anew(&nodes.servers[0], &tom, &toms.cursor).await;
    let mut jerrys = loads_anew(&nodes.servers[1], &jerry, &jerrys.cursor).await;
    assert_eq!((epoch(&toms.cursor), epoch(&jerrys.cursor)), ("00001267", "00001267"));

    let kept = dump(&nodes.postgres);
    assert_eq!(post(&tom, &jerry, "lost").await.status, 201);
    for stream in [&mut toms, &mut jerrys] {
        stream.told_until("lost").await;
    }
    restore(&nodes.postgres, &kept);
    for stream in [&mut toms, &mut jerrys] {
        assert_eq!(closed_untold(stream).await, 1012);
    }
    let mut jerrys = loads_anew(&nodes.servers[1], &jerry, &jerrys.cursor).await;
    insist(&tom, &jerry, "after").await;
    let told = jerrys.told_until("after").await;
    assert_eq!(told.last().unwrap()["message"]["seq"], 2);
    assert_eq!(nodes.servers.iter().map(n_lines).collect::<Vec<_>>(), [2, 2]);
}
