//! `kill -9` under load: what was answered is there, once, in its place (promises 1, 2 and 3).
//!
//! Each sender keeps a ledger of what it has been told. After the last crash the whole history is read and compared.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use chat_client::{Connection, ServerUrl};
use serde_json::{Value, json};

use crate::support::people::{p2p, to_group};
use crate::support::{Got, Server, User, Ws};

const CYCLES: usize = 20;
const REST_SENDERS: usize = 6;
const STREAM_SENDERS: usize = 2;
/// Shorter runs would prove nothing.
const MIN_ACKED: usize = 1000;

/// Where a message goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    User(i64),
    Group(i64),
}

/// A message and what the sender has been told of it: its id and, over REST, its seq.
struct Entry {
    sender: usize,
    key: String,
    target: Target,
    told: Option<(i64, Option<i64>)>,
}

/// Who sends, and where to.
struct Cast {
    users: Vec<User>,
    targets: Vec<[Target; 2]>,
}

/// Senders 0 to 3 are users of their own, two pairs; 4 to 7 share those accounts. All are in both groups.
async fn cast(server: &Server) -> Cast {
    let mut people = Vec::new();
    for name in ["ann", "ben", "cat", "dan"] {
        people.push(server.register(name).await);
    }
    let everybody: Vec<_> = people.iter().collect();
    let groups =
        [people[0].group("One", &everybody[1..]).await, people[0].group("Two", &everybody[1..]).await];
    let partner = [1, 0, 3, 2].map(|index: usize| people[index].id);
    let of_sender =
        |sender: usize| [Target::User(partner[sender % 4]), Target::Group(groups[sender / 2 % 2])];
    let count = REST_SENDERS + STREAM_SENDERS;
    Cast {
        users: (0..count).map(|sender| people[sender % 4].clone()).collect(),
        targets: (0..count).map(of_sender).collect(),
    }
}

/// What all senders of a cycle share.
#[derive(Clone)]
struct Cycle {
    number: usize,
    url: ServerUrl,
    ends: Arc<AtomicBool>,
    acked: Arc<AtomicUsize>,
}

impl Cycle {
    fn entry(&self, sender: usize, number: usize, targets: [Target; 2]) -> Entry {
        let key = format!("{}-{sender}-{number}", self.number);
        Entry { sender, key, target: targets[number % 2], told: None }
    }
}

async fn send_rest(connection: &mut Connection, token: &str, entry: &Entry) -> Option<Value> {
    let path = match entry.target {
        Target::User(id) => p2p(id),
        Target::Group(id) => to_group(id),
    };
    let body = json!({"content": entry.key, "client_msg_id": entry.key}).to_string();
    let answer =
        connection.send("POST".parse().unwrap(), &path, Some(token), Some(body.into())).await.ok()?;
    assert_eq!(answer.status.as_u16(), 201, "{:?}", answer.body);
    serde_json::from_slice(&answer.body).ok()
}

/// Sends one after the other until the server is gone.
async fn rest_sender(cycle: Cycle, sender: usize, user: User, targets: [Target; 2]) -> Vec<Entry> {
    let mut ledger = Vec::new();
    let Ok(mut connection) = Connection::open(&cycle.url).await else { return ledger };
    while !cycle.ends.load(Ordering::Relaxed) {
        let mut entry = cycle.entry(sender, ledger.len(), targets);
        let answer = send_rest(&mut connection, &user.token, &entry).await;
        let gone = answer.is_none();
        entry.told = answer.map(|answer| (answer["id"].as_i64().unwrap(), answer["seq"].as_i64()));
        cycle.acked.fetch_add(usize::from(!gone), Ordering::Relaxed);
        ledger.push(entry);
        if gone {
            break;
        }
    }
    ledger
}

/// The same over a stream, a few at a time: a message counts as acknowledged when it comes back.
async fn stream_sender(cycle: Cycle, sender: usize, targets: [Target; 2], mut ws: Ws) -> Vec<Entry> {
    let mut ledger: Vec<Entry> = Vec::new();
    let mut index = HashMap::new();
    loop {
        let entry = cycle.entry(sender, ledger.len(), targets);
        let mut frame = json!({"content": entry.key, "client_msg_id": entry.key});
        match entry.target {
            Target::User(id) => (frame["type"], frame["recipient_id"]) = (json!("text"), json!(id)),
            Target::Group(id) => (frame["type"], frame["group_id"]) = (json!("group_message"), json!(id)),
        }
        index.insert(entry.key.clone(), ledger.len());
        ledger.push(entry);
        let mut open = ws.try_json(&frame).await;
        // Others' messages come by as well; it waits for one of its own before it goes on.
        while open {
            let Got::Text(text) = ws.next().await else {
                open = false;
                break;
            };
            let frame: Value = serde_json::from_str(&text).unwrap();
            assert_ne!(frame["type"], "error", "{frame}");
            let Some(number) = frame["content"].as_str().and_then(|content| index.get(content)) else {
                continue;
            };
            ledger[*number].told = Some((frame["ID"].as_i64().unwrap(), None));
            cycle.acked.fetch_add(1, Ordering::Relaxed);
            break;
        }
        if !open || cycle.ends.load(Ordering::Relaxed) {
            return ledger;
        }
    }
}

/// Milliseconds until the crash.
fn random_delay() -> Duration {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    Duration::from_millis(200 + u64::from_le_bytes(bytes) % 601)
}

/// Lets all senders loose, kills the server at some moment, and gives their ledgers.
async fn crash_under_load(server: &mut Server, cast: &Cast, number: usize) -> Vec<Entry> {
    let url = ServerUrl::parse(&server.url()).unwrap();
    let cycle = Cycle { number, url, ends: Arc::default(), acked: Arc::default() };
    let mut senders = Vec::new();
    for (sender, user) in cast.users.iter().enumerate() {
        let (cycle, user, targets) = (cycle.clone(), user.clone(), cast.targets[sender]);
        senders.push(if sender < REST_SENDERS {
            tokio::spawn(rest_sender(cycle, sender, user, targets))
        } else {
            let ws = Ws::connect(server, &user).await;
            tokio::spawn(stream_sender(cycle, sender, targets, ws))
        });
    }
    // The moment of the crash is what is random here, not what is waited for.
    tokio::time::sleep(random_delay()).await;
    server.kill();
    cycle.ends.store(true, Ordering::Relaxed);
    let mut ledger = Vec::new();
    for sender in senders {
        ledger.extend(crate::support::within(20, sender).await.unwrap());
    }
    ledger
}

/// Sends everything again that was not answered, under its old key.
async fn retry(server: &Server, cast: &Cast, ledger: &mut [Entry]) -> (usize, usize) {
    let url = ServerUrl::parse(&server.url()).unwrap();
    let mut connection = Connection::open(&url).await.unwrap();
    let (mut retried, mut had_been_stored) = (0, 0);
    for entry in ledger.iter_mut().filter(|entry| entry.told.is_none()) {
        let answer =
            send_rest(&mut connection, &cast.users[entry.sender].token, entry).await.expect("an answer");
        entry.told = Some((answer["id"].as_i64().unwrap(), answer["seq"].as_i64()));
        retried += 1;
        had_been_stored += usize::from(answer["duplicate"] == true);
    }
    (retried, had_been_stored)
}

/// What is wrong with what the server has kept.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    lost: usize,
    doubled: usize,
    gaps: usize,
    disorder: usize,
    phantoms: usize,
    stored: usize,
}

/// Compares all conversations with the ledger.
async fn verdict(server: &Server, cast: &Cast, ledger: &[Entry]) -> Verdict {
    let mut stored: HashMap<String, Vec<(i64, i64)>> = HashMap::new();
    let mut verdict = Verdict::default();
    for (sender, target) in [(0, 0), (2, 0), (0, 1), (2, 1)] {
        let user = User::with_token(server, cast.users[sender].id, &cast.users[sender].token);
        let path = match cast.targets[sender][target] {
            Target::User(id) => format!("/v1/messages/history/{id}"),
            Target::Group(id) => format!("/v1/groups/{id}/messages"),
        };
        let messages = user.all_messages(&path).await;
        let place = |message: &Value| (message["id"].as_i64().unwrap(), message["seq"].as_i64().unwrap());
        let places: Vec<_> = messages.iter().map(place).collect();
        verdict.gaps += (1..).zip(&places).filter(|(expected, (_, seq))| expected != seq).count();
        verdict.disorder += places.windows(2).filter(|pair| pair[0].0 >= pair[1].0).count();
        for message in &messages {
            stored
                .entry(message["client_msg_id"].as_str().unwrap().to_owned())
                .or_default()
                .push(place(message));
        }
        verdict.stored += messages.len();
    }
    for entry in ledger {
        let places = stored.remove(&entry.key).unwrap_or_default();
        verdict.doubled += places.len().saturating_sub(1);
        let (id, seq) = entry.told.unwrap();
        let is_there = places.iter().any(|place| place.0 == id && seq.is_none_or(|seq| seq == place.1));
        verdict.lost += usize::from(!is_there);
    }
    verdict.phantoms = stored.len();
    verdict
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_crashes_under_load_lose_double_and_misplace_nothing() {
    let mut server = Server::start();
    let cast = cast(&server).await;
    let mut ledger = Vec::new();
    let (mut acked, mut retried, mut had_been_stored) = (0, 0, 0);
    let mut slowest_start = Duration::ZERO;
    for number in 0..CYCLES {
        let mut entries = crash_under_load(&mut server, &cast, number).await;
        acked += entries.iter().filter(|entry| entry.told.is_some()).count();
        let began = std::time::Instant::now();
        server = server.setup.clone().start();
        slowest_start = slowest_start.max(began.elapsed());
        let (again, known) = retry(&server, &cast, &mut entries).await;
        retried += again;
        had_been_stored += known;
        ledger.extend(entries);
    }
    let verdict = verdict(&server, &cast, &ledger).await;
    eprintln!(
        "{CYCLES} crashes, {acked} acknowledged, {retried} retried ({had_been_stored} had been stored), \
         slowest start {slowest_start:?}: {verdict:?}"
    );
    let expected = Verdict { stored: ledger.len(), ..Verdict::default() };
    assert_eq!(verdict, expected);
    assert!(acked >= MIN_ACKED, "only {acked} were acknowledged");
}
