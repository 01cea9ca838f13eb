//! A bus, a journal, hubs and registries in memory.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use chat_core::cluster::{Journal, JournalPage, LocalMembers, NodeId, PresenceRegistry};
use chat_core::event::{Change, Event, Signal};
use chat_core::ids::{MessageId, Position, UserId};
use chat_core::ports::EventSink;
use chat_core::presence::PresenceStatus;
use chat_core::sync::Epoch;
use chat_core::{Error, Result};

use crate::bus::{Bus, Subject};
use crate::inbox::{Inbox, channel};
use crate::metrics::Metrics;
use crate::relay::{BusOptions, Parts, Prepared, Relay};

/// Epoch of the log that every node follows at first.
pub(super) const EPOCH: Epoch = Epoch(1);
pub(super) const TOM: UserId = UserId(1);
pub(super) const JERRY: UserId = UserId(2);

const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until the condition holds, at most [`DEADLINE`].
pub(super) async fn eventually(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < DEADLINE, "the condition never held");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The journal and the bus that the nodes share.
pub(super) struct Cluster {
    pub(super) journal: Arc<TestJournal>,
    pub(super) lose_all: Arc<AtomicBool>,
    bus: Option<Arc<TestBus>>,
}

/// A node and its fakes.
pub(super) struct Node {
    pub(super) relay: Relay,
    pub(super) local_members: Arc<dyn LocalMembers>,
    pub(super) hub: Arc<Recorder>,
    pub(super) presence_registry: Arc<TestRegistry>,
    pub(super) resumes: Arc<AtomicUsize>,
    /// Epoch of the log that was last passed to the hub.
    pub(super) epoch: Arc<Mutex<Epoch>>,
    pub(super) metrics: Metrics,
}

impl Node {
    pub(super) fn given(&self) -> Vec<i64> {
        self.hub.given.lock().unwrap().clone()
    }

    pub(super) fn signals(&self) -> usize {
        self.hub.n_signals.load(Ordering::Relaxed)
    }
}

impl Cluster {
    pub(super) fn with_bus() -> Self {
        Self { bus: Some(Arc::default()), ..Self::without_bus() }
    }

    pub(super) fn without_bus() -> Self {
        Self { journal: Arc::default(), lose_all: Arc::default(), bus: None }
    }

    pub(super) async fn node(&self, number: u64) -> Node {
        let hub = Arc::new(Recorder::default());
        let presence_registry = Arc::new(TestRegistry::default());
        let resumes = Arc::new(AtomicUsize::new(0));
        let metrics = Metrics::default();
        let counter = resumes.clone();
        let epoch = Arc::new(Mutex::new(EPOCH));
        let set_epoch = epoch.clone();
        let bus = self.bus.as_ref().map(|bus| {
            let (inbox, incoming) = channel();
            let handle = BusHandle { bus: bus.clone(), number, loses: self.lose_all.clone() };
            inbox.up();
            let end = End { inbox, subjects: HashSet::new(), epoch: EPOCH };
            bus.ends.lock().unwrap().insert(number, end);
            (Arc::new(handle) as Arc<dyn Bus>, incoming)
        });
        let prepared =
            Prepared::new(NodeId(number), BusOptions { bus, epoch: EPOCH, metrics: metrics.clone() });
        let parts = Parts {
            journal: self.journal.clone(),
            hub: hub.clone(),
            presence_registry: presence_registry.clone(),
            all_clients_resume: Box::new(move || {
                counter.fetch_add(1, Ordering::Relaxed);
            }),
            set_epoch: Box::new(move |epoch| *set_epoch.lock().unwrap() = epoch),
        };
        let local_members = prepared.local_members();
        let relay = prepared.start(parts).await.unwrap();
        Node { relay, local_members, hub, presence_registry, resumes, epoch, metrics }
    }

    /// Commits a batch on a node, an event for each of these users.
    pub(super) fn commit(&self, node: &Node, users: &[UserId]) {
        node.relay.sink().publish(&self.journal.append(users));
    }

    pub(super) fn n_published(&self, subject: Subject) -> usize {
        let bus = self.bus.as_ref().unwrap();
        bus.published.lock().unwrap().iter().filter(|one| **one == subject).count()
    }

    pub(super) fn break_link(&self) {
        self.lose_all.store(true, Ordering::Relaxed);
        self.each_end(Inbox::down);
    }

    pub(super) fn mend_link(&self) {
        self.lose_all.store(false, Ordering::Relaxed);
        self.each_end(Inbox::up);
    }

    fn each_end(&self, notify: impl Fn(&Inbox)) {
        self.bus.as_ref().unwrap().ends.lock().unwrap().values().for_each(|end| notify(&end.inbox));
    }
}

#[derive(Default)]
struct TestBus {
    ends: Mutex<BTreeMap<u64, End>>,
    published: Mutex<Vec<Subject>>,
}

struct End {
    inbox: Inbox,
    subjects: HashSet<Subject>,
    epoch: Epoch,
}

struct BusHandle {
    bus: Arc<TestBus>,
    number: u64,
    loses: Arc<AtomicBool>,
}

impl Bus for BusHandle {
    fn publish(&self, subject: Subject, payload: Bytes) -> bool {
        if self.loses.load(Ordering::Relaxed) {
            return true;
        }
        self.bus.published.lock().unwrap().push(subject);
        let ends = self.bus.ends.lock().unwrap();
        let epoch = ends[&self.number].epoch;
        for (number, end) in ends.iter() {
            if *number != self.number && end.epoch == epoch && end.subjects.contains(&subject) {
                end.inbox.deliver(epoch, payload.clone());
            }
        }
        true
    }

    fn subscribe(&self, subject: Subject) {
        if let Some(end) = self.bus.ends.lock().unwrap().get_mut(&self.number) {
            end.subjects.insert(subject);
        }
    }

    fn unsubscribe(&self, subject: Subject) {
        if let Some(end) = self.bus.ends.lock().unwrap().get_mut(&self.number) {
            end.subjects.remove(&subject);
        }
    }

    fn is_up(&self) -> bool {
        true
    }

    fn follow(&self, epoch: Epoch) {
        if let Some(end) = self.bus.ends.lock().unwrap().get_mut(&self.number) {
            end.epoch = epoch;
        }
    }
}

/// A journal that fails and is trimmed on request.
#[derive(Default)]
pub(super) struct TestJournal {
    log: Mutex<Vec<Arc<Event>>>,
    kept_after: Mutex<i64>,
    pub(super) fails: AtomicBool,
    pub(super) n_failed: AtomicUsize,
}

impl TestJournal {
    /// Commits an event for each of these users.
    pub(super) fn append(&self, users: &[UserId]) -> Vec<Arc<Event>> {
        let mut log = self.log.lock().unwrap();
        let first = i64::try_from(log.len()).unwrap() + 1;
        let event = |(position, user): (i64, &UserId)| {
            let change = Change::MessageSaved { user: *user, message: MessageId(position), saved: true };
            Arc::new(Event { position: Position(position), change })
        };
        let events: Vec<_> = (first..).zip(users).map(event).collect();
        log.extend(events.iter().cloned());
        events
    }

    /// Discards all events after the first `count`.
    pub(super) fn truncate(&self, count: usize) {
        self.log.lock().unwrap().truncate(count);
    }

    pub(super) fn trim(&self, up_to: Position) {
        *self.kept_after.lock().unwrap() = up_to.0;
    }

    fn check(&self) -> Result<()> {
        if self.fails.load(Ordering::Relaxed) {
            self.n_failed.fetch_add(1, Ordering::Relaxed);
            return Err(Error::Unavailable("set to fail".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl Journal for TestJournal {
    async fn end(&self) -> Result<Position> {
        self.check()?;
        Ok(Position(i64::try_from(self.log.lock().unwrap().len()).unwrap()))
    }

    async fn read(&self, after: Position, limit: u16) -> Result<JournalPage> {
        self.check()?;
        if after.0 < *self.kept_after.lock().unwrap() {
            return Ok(JournalPage::Gone);
        }
        let log = self.log.lock().unwrap();
        let from = usize::try_from(after.0).unwrap();
        let events: Vec<_> = log.iter().skip(from).take(usize::from(limit)).cloned().collect();
        let up_to = events.last().map_or(after, |event| event.position);
        Ok(JournalPage::Events { events, up_to })
    }
}

/// A hub that records the events it gets.
#[derive(Default)]
pub(super) struct Recorder {
    given: Mutex<Vec<i64>>,
    n_signals: AtomicUsize,
    pub(super) is_stuck: AtomicBool,
    /// `publish` was called while the hub is stuck.
    pub(super) waits: AtomicBool,
}

impl EventSink for Recorder {
    fn publish(&self, events: &[Arc<Event>]) {
        while self.is_stuck.load(Ordering::Acquire) {
            self.waits.store(true, Ordering::Release);
            std::thread::sleep(Duration::from_millis(1));
        }
        self.given.lock().unwrap().extend(events.iter().map(|event| event.position.0));
    }

    fn signal(&self, _: Signal) {
        self.n_signals.fetch_add(1, Ordering::Relaxed);
    }
}

/// A presence registry: this node's users and those of the others.
#[derive(Default)]
pub(super) struct TestRegistry {
    here: Mutex<Vec<(UserId, PresenceStatus)>>,
    there: Mutex<BTreeMap<NodeId, Vec<UserId>>>,
}

impl TestRegistry {
    pub(super) fn connect(&self, user: UserId) {
        self.here.lock().unwrap().push((user, PresenceStatus::Online));
    }

    pub(super) fn at(&self, node: NodeId) -> Vec<UserId> {
        self.there.lock().unwrap().get(&node).cloned().unwrap_or_default()
    }
}

impl PresenceRegistry for TestRegistry {
    fn here(&self) -> Vec<(UserId, PresenceStatus)> {
        self.here.lock().unwrap().clone()
    }

    fn there(&self, node: NodeId, users: &[(UserId, Option<PresenceStatus>)]) {
        let mut there = self.there.lock().unwrap();
        let known = there.entry(node).or_default();
        for (user, status) in users {
            known.retain(|one| one != user);
            known.extend(status.map(|_| *user));
        }
    }

    fn lost(&self, node: NodeId) {
        self.there.lock().unwrap().remove(&node);
    }
}
