//! Two relays over a real server: all events arrive, and how long they take.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chat_core::Result;
use chat_core::cluster::{Journal, JournalPage, Link, NodeId, PresenceRegistry};
use chat_core::event::{Change, Event, Signal};
use chat_core::ids::{MessageId, Position, UserId};
use chat_core::ports::EventSink;
use chat_core::presence::PresenceStatus;
use chat_engines::Nats;
use chat_nats::NatsBus;
use chat_relay::inbox::channel;
use chat_relay::{BusOptions, Metrics, Parts, Prepared, Relay};

use crate::support::{EPOCH, eventually, options};

const TOM: UserId = UserId(1);

/// The journal that all nodes share.
#[derive(Default)]
struct TestJournal {
    log: Mutex<Vec<Arc<Event>>>,
    is_hidden: AtomicBool,
}

impl TestJournal {
    fn append(&self, user: UserId) -> Vec<Arc<Event>> {
        let mut log = self.log.lock().unwrap();
        let position = i64::try_from(log.len()).unwrap() + 1;
        let change = Change::MessageSaved { user, message: MessageId(position), saved: true };
        log.push(Arc::new(Event { position: Position(position), change }));
        log.last().into_iter().cloned().collect()
    }
}

#[async_trait]
impl Journal for TestJournal {
    async fn end(&self) -> Result<Position> {
        Ok(Position(i64::try_from(self.log.lock().unwrap().len()).unwrap()))
    }

    async fn read(&self, after: Position, limit: u16) -> Result<JournalPage> {
        if self.is_hidden.load(Ordering::Relaxed) {
            return Err(chat_core::Error::Unavailable("hidden".into()));
        }
        let log = self.log.lock().unwrap();
        let rest = log.iter().skip(usize::try_from(after.0).unwrap());
        let events: Vec<_> = rest.take(usize::from(limit)).cloned().collect();
        let up_to = events.last().map_or(after, |event| event.position);
        Ok(JournalPage::Events { events, up_to })
    }
}

/// Records the log position of each event and when it was delivered.
#[derive(Default)]
struct Recorder(Mutex<Vec<(i64, Instant)>>);

impl Recorder {
    fn given(&self) -> Vec<i64> {
        self.0.lock().unwrap().iter().map(|(position, _)| *position).collect()
    }

    fn at(&self, index: usize) -> Instant {
        self.0.lock().unwrap()[index].1
    }
}

impl EventSink for Recorder {
    fn publish(&self, events: &[Arc<Event>]) {
        let now = Instant::now();
        self.0.lock().unwrap().extend(events.iter().map(|event| (event.position.0, now)));
    }

    fn signal(&self, _: Signal) {}
}

struct NoPresence;

impl PresenceRegistry for NoPresence {
    fn here(&self) -> Vec<(UserId, PresenceStatus)> {
        Vec::new()
    }

    fn there(&self, _: NodeId, _: &[(UserId, Option<PresenceStatus>)]) {}

    fn lost(&self, _: NodeId) {}
}

struct Node {
    relay: Relay,
    hub: Arc<Recorder>,
}

impl Node {
    async fn start(number: u64, server: &Nats, journal: &Arc<TestJournal>) -> Self {
        let (inbox, incoming) = channel();
        let bus = NatsBus::connect(options(&server.url()), inbox).await.unwrap();
        let hub = Arc::new(Recorder::default());
        let options =
            BusOptions { bus: Some((Arc::new(bus), incoming)), epoch: EPOCH, metrics: Metrics::default() };
        let prepared = Prepared::new(NodeId(number), options);
        let parts = Parts {
            journal: journal.clone(),
            hub: hub.clone(),
            presence_registry: Arc::new(NoPresence),
            all_clients_resume: Box::new(|| panic!("nothing was torn")),
            set_epoch: Box::new(|_| ()),
        };
        prepared.local_members().user(TOM, true);
        let relay = prepared.start(parts).await.unwrap();
        let peers = relay.peers();
        eventually("the link", || peers.link() == Some(Link::Up));
        Self { relay, hub }
    }

    fn commit(&self, journal: &TestJournal) {
        self.relay.sink().publish(&journal.append(TOM));
    }

    fn has(&self, n: i64) {
        eventually("all events", || self.hub.given() == (1..=n).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_another_node_take_hardly_longer_than_local_ones() {
    let server = Nats::start().unwrap();
    let journal = Arc::new(TestJournal::default());
    let one = Node::start(1, &server, &journal).await;
    let other = Node::start(2, &server, &journal).await;
    // Until the subscriptions have taken effect, events come from the journal.
    one.commit(&journal);
    other.has(1);
    one.commit(&journal);
    other.has(2);
    journal.is_hidden.store(true, Ordering::Relaxed);
    let mut differences = Vec::new();
    for n in 3..203 {
        one.commit(&journal);
        one.has(n);
        other.has(n);
        let index = usize::try_from(n).unwrap() - 1;
        differences.push(other.hub.at(index).saturating_duration_since(one.hub.at(index)));
    }
    differences.sort();
    let (p50, p99) = (differences[differences.len() / 2], differences[differences.len() * 99 / 100]);
    println!("another node's events came later than one's own by p50 {p50:?}, p99 {p99:?}");
    // An optimized build on an idle machine takes a fraction of that.
    assert!(p50 < Duration::from_millis(10), "p50 {p50:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_the_server_hangs_dies_and_comes_back() {
    let mut server = Nats::start().unwrap();
    let journal = Arc::new(TestJournal::default());
    let one = Node::start(1, &server, &journal).await;
    let other = Node::start(2, &server, &journal).await;
    let mut n = 0;
    let mut commit = || {
        for node in [&one, &other, &one] {
            node.commit(&journal);
            n += 1;
        }
        n
    };
    commit();
    server.pause().unwrap();
    let so_far = commit();
    // Before a node has noticed that the server hangs.
    one.has(so_far);
    other.has(so_far);
    server.kill().unwrap();
    let peers = other.relay.peers();
    eventually("the link is down", || peers.link() == Some(Link::Down));
    let so_far = commit();
    one.has(so_far);
    other.has(so_far);
    server.start_again().unwrap();
    let so_far = commit();
    eventually("the link is up", || peers.link() == Some(Link::Up));
    one.has(so_far);
    other.has(so_far);
    let so_far = commit();
    one.has(so_far);
    other.has(so_far);
}
