//! Senders over REST and over streams, each of which keeps a ledger of its messages and their acknowledgements.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use chat_client::{Connection, ServerUrl};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::people::{p2p, to_group};
use crate::support::{Got, Server, User, Ws, eventually, within};

const REST_SENDERS: usize = 6;
const STREAM_SENDERS: usize = 2;
/// How long a sender waits after a refusal, like a client that was asked to retry.
const BACKOFF: Duration = Duration::from_millis(20);

/// Recipient of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Target {
    User(i64),
    Group(i64),
}

/// A message, whose content is its key, and its acknowledgement: its id and, over REST, its `seq`.
pub struct Entry {
    pub sender: usize,
    pub key: String,
    pub target: Target,
    pub acked: Option<(i64, Option<i64>)>,
}

/// The senders and their recipients.
pub struct Participants {
    pub users: Vec<User>,
    pub targets: Vec<[Target; 2]>,
}

impl Participants {
    /// Senders 0 to 3 are users of their own, two pairs; 4 to 7 share those accounts. All are in both groups.
    pub async fn of(server: &Server) -> Self {
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
        Self {
            users: (0..count).map(|sender| people[sender % 4].clone()).collect(),
            targets: (0..count).map(of_sender).collect(),
        }
    }
}

impl Participants {
    /// Returns the same users at another node.
    pub fn at(&self, server: &Server) -> Self {
        Self { users: self.users.iter().map(|user| user.at(server)).collect(), targets: self.targets.clone() }
    }
}

/// State that all senders of a load share.
#[derive(Clone)]
struct Shared {
    name: String,
    url: ServerUrl,
    ends: Arc<AtomicBool>,
    acked: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
}

impl Shared {
    fn entry(&self, sender: usize, number: usize, targets: [Target; 2]) -> Entry {
        let key = format!("{}-{sender}-{number}", self.name);
        Entry { sender, key, target: targets[number % 2], acked: None }
    }

    async fn was_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(BACKOFF).await;
    }
}

/// Senders that run until they are stopped or the server is gone.
pub struct Load {
    shared: Shared,
    senders: Vec<JoinHandle<Vec<Entry>>>,
}

impl Load {
    /// Starts all senders. `name` distinguishes this load's messages from others.
    pub async fn start(server: &Server, participants: &Participants, name: impl ToString) -> Self {
        let shared = Shared {
            name: name.to_string(),
            url: ServerUrl::parse(&server.url()).unwrap(),
            ends: Arc::default(),
            acked: Arc::default(),
            refused: Arc::default(),
        };
        // All connect before the first one sends, since that may end the server.
        let mut streams = Vec::new();
        for user in &participants.users[REST_SENDERS..] {
            streams.push(Ws::connect(server, user).await);
        }
        let over_streams = (REST_SENDERS..).zip(streams).map(|(sender, ws)| {
            tokio::spawn(stream_sender(shared.clone(), sender, participants.targets[sender], ws))
        });
        let mut senders: Vec<_> = over_streams.collect();
        for sender in 0..REST_SENDERS {
            let user = participants.users[sender].clone();
            senders.push(tokio::spawn(rest_sender(
                shared.clone(),
                sender,
                user,
                participants.targets[sender],
            )));
        }
        Self { shared, senders }
    }

    /// Returns the number of messages acknowledged so far.
    pub fn acked(&self) -> usize {
        self.shared.acked.load(Ordering::Relaxed)
    }

    /// Returns the number of messages that the storage has refused so far.
    pub fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Waits until this many more have been acknowledged than now.
    pub async fn acks(&self, more: usize) {
        let goal = self.acked() + more;
        eventually(30, &format!("{more} more acks"), async || self.acked() >= goal).await;
    }

    /// Ends the load after the requests under way, and returns all ledgers.
    pub async fn end(self) -> Vec<Entry> {
        self.shared.ends.store(true, Ordering::Relaxed);
        let mut ledger = Vec::new();
        for sender in self.senders {
            ledger.extend(within(20, sender).await.unwrap());
        }
        ledger
    }
}

/// Result of a send.
enum Answer {
    Accepted(Value),
    Refused,
    Gone,
}

async fn send_rest(connection: &mut Connection, token: &str, entry: &Entry) -> Answer {
    let path = match entry.target {
        Target::User(id) => p2p(id),
        Target::Group(id) => to_group(id),
    };
    let body = json!({"content": entry.key, "client_msg_id": entry.key}).to_string();
    let sent = connection.send("POST".parse().unwrap(), &path, Some(token), Some(body.into())).await;
    let Ok(answer) = sent else { return Answer::Gone };
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else { return Answer::Gone };
    match answer.status.as_u16() {
        201 => Answer::Accepted(body),
        503 => {
            assert_eq!(body["code"], "storage_unavailable", "{body}");
            Answer::Refused
        }
        status => panic!("{status}: {body}"),
    }
}

fn id_and_seq(answer: &Value) -> (i64, Option<i64>) {
    (answer["id"].as_i64().unwrap(), answer["seq"].as_i64())
}

/// Sends one message after the other.
async fn rest_sender(shared: Shared, sender: usize, user: User, targets: [Target; 2]) -> Vec<Entry> {
    let mut ledger = Vec::new();
    let Ok(mut connection) = Connection::open(&shared.url).await else { return ledger };
    while !shared.ends.load(Ordering::Relaxed) {
        let mut entry = shared.entry(sender, ledger.len(), targets);
        let answer = send_rest(&mut connection, &user.token, &entry).await;
        match &answer {
            Answer::Accepted(answer) => {
                entry.acked = Some(id_and_seq(answer));
                shared.acked.fetch_add(1, Ordering::Relaxed);
            }
            Answer::Refused => shared.was_refused().await,
            Answer::Gone => {}
        }
        ledger.push(entry);
        if matches!(answer, Answer::Gone) {
            break;
        }
    }
    ledger
}

/// The same over a stream: a message counts as acknowledged when it comes back.
async fn stream_sender(shared: Shared, sender: usize, targets: [Target; 2], mut ws: Ws) -> Vec<Entry> {
    let mut ledger: Vec<Entry> = Vec::new();
    let mut index = HashMap::new();
    loop {
        let entry = shared.entry(sender, ledger.len(), targets);
        let mut frame = json!({"content": entry.key, "client_msg_id": entry.key});
        match entry.target {
            Target::User(id) => (frame["type"], frame["recipient_id"]) = (json!("text"), json!(id)),
            Target::Group(id) => (frame["type"], frame["group_id"]) = (json!("group_message"), json!(id)),
        }
        index.insert(entry.key.clone(), ledger.len());
        ledger.push(entry);
        let mut open = ws.try_json(&frame).await;
        // Other senders' messages arrive as well. It waits for its own before it goes on.
        while open {
            let Got::Text(text) = ws.next().await else {
                open = false;
                break;
            };
            let frame: Value = serde_json::from_str(&text).unwrap();
            if frame["type"] == "error" {
                assert_eq!(frame["code"], "storage_unavailable", "{frame}");
                shared.was_refused().await;
                break;
            }
            let Some(number) = frame["content"].as_str().and_then(|content| index.get(content)) else {
                continue;
            };
            ledger[*number].acked = Some((frame["ID"].as_i64().unwrap(), None));
            shared.acked.fetch_add(1, Ordering::Relaxed);
            break;
        }
        if !open || shared.ends.load(Ordering::Relaxed) {
            return ledger;
        }
    }
}

/// Result of sending again.
#[derive(Debug, Default)]
pub struct Retried {
    pub sent: usize,
    /// Number of messages that had been stored before.
    pub known: usize,
    /// Number of messages that got another id or `seq` than the first time.
    pub moved: usize,
}

/// Sends again, under their old keys, the messages without an answer, or `everything`.
pub async fn retry(
    server: &Server,
    participants: &Participants,
    ledger: &mut [Entry],
    everything: bool,
) -> Retried {
    let url = ServerUrl::parse(&server.url()).unwrap();
    let mut connection = Connection::open(&url).await.unwrap();
    let mut retried = Retried::default();
    for entry in ledger.iter_mut().filter(|entry| everything || entry.acked.is_none()) {
        let answer = send_rest(&mut connection, &participants.users[entry.sender].token, entry).await;
        let Answer::Accepted(answer) = answer else { panic!("a retry was not answered with 201") };
        let now = id_and_seq(&answer);
        let stays =
            entry.acked.is_none_or(|acked| acked.0 == now.0 && acked.1.is_none_or(|_| acked.1 == now.1));
        retried.sent += 1;
        retried.known += usize::from(answer["duplicate"] == true);
        retried.moved += usize::from(!stays);
        entry.acked.get_or_insert(now);
    }
    retried
}
