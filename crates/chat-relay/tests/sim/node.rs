//! A node: the real sequencer, presence and interest, driven as the relay's thread drives them, with links to the bus
//! and the store.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chat_core::cluster::{JournalPage, Link, NodeId};
use chat_core::event::Event;
use chat_core::ids::{ConversationId, Position, UserId};
use chat_core::presence::PresenceStatus;
use chat_relay::Subject;
use chat_relay::interest::InterestSet;
use chat_relay::key::keys_of;
use chat_relay::presence::{Effect, Nodes};
use chat_relay::sequencer::{Answer, PAGE, Question, Sequencer};
use chat_relay::wire::{self, Bundle, Message};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use turmoil::net::TcpListener;

use crate::broker::{self, Command, encoded};
use crate::database::{SharedDatabase, Write};
use crate::hub::{Connection, Hub};
use crate::net::{Out, connect, frames};
use crate::session;
use crate::store::{self, Ask, Rpc};
use crate::trace::Trace;

pub(crate) const N_NODES: u64 = 3;
pub(crate) const PORT: u16 = 8080;
const TO_BUS: usize = 256;
/// Frames that may wait for one client.
const OUTBOX: usize = 32;
/// Writes that may wait, and that go into one transaction.
const WRITES: usize = 64;
const BATCH: usize = 16;
const AGAIN: Duration = Duration::from_millis(50);

pub(crate) fn host(number: u64) -> String {
    format!("node{number}")
}

/// A write and its waiting caller, which gets `true` when it is committed and `false` when the result is unknown.
pub(crate) type Job = (Write, oneshot::Sender<bool>);

/// State shared by the tasks of a node.
pub(crate) struct Core {
    sequencer: Sequencer,
    nodes: Nodes,
    id: NodeId,
    interest: InterestSet,
    pub(crate) hub: Hub,
    to_bus: Option<Out>,
    subjects: BTreeSet<Subject>,
    changed: BTreeMap<UserId, Option<PresenceStatus>>,
    /// Users connected to the other nodes, by their statements.
    elsewhere: BTreeMap<NodeId, BTreeSet<UserId>>,
    started: Instant,
    next_connection: u64,
    database: SharedDatabase,
    trace: Trace,
}

#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) core: Rc<RefCell<Core>>,
    pub(crate) wake: Rc<Notify>,
    pub(crate) reader: Rpc,
    pub(crate) jobs: mpsc::Sender<Job>,
}

/// A node's state for the checks: its users, those it believes to be elsewhere, and its lag.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) here: BTreeSet<UserId>,
    pub(crate) elsewhere: BTreeSet<UserId>,
    pub(crate) lag: u64,
}

/// Runs a node, which gets a new id each time it starts.
pub(crate) async fn run(
    id: NodeId,
    database: SharedDatabase,
    trace: Trace,
    seen: Rc<RefCell<Seen>>,
) -> turmoil::Result {
    let (reader, writer) = (Rpc::default(), Rpc::default());
    tokio::task::spawn_local(reader.clone().run());
    tokio::task::spawn_local(writer.clone().run());
    let end = loop {
        match reader.ask(Ask::End).await {
            Some(store::Answer::End(end)) => break end,
            _ => sleep(AGAIN).await,
        }
    };
    let (jobs, queue) = mpsc::channel(WRITES);
    let core = Core::new(id, Position(end), database, trace);
    let node = Node { core: Rc::new(RefCell::new(core)), wake: Rc::default(), reader, jobs };
    tokio::task::spawn_local(node.clone().relay(seen));
    tokio::task::spawn_local(node.clone().listen_to_bus());
    tokio::task::spawn_local(node.clone().write(writer, queue));
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (out, frames) = frames(stream, OUTBOX);
        tokio::task::spawn_local(session::run(node.clone(), out, frames));
    }
}

impl Core {
    fn new(id: NodeId, position: Position, database: SharedDatabase, trace: Trace) -> Self {
        Self {
            sequencer: Sequencer::new(position),
            nodes: Nodes::new(id),
            id,
            interest: InterestSet::default(),
            hub: Hub::default(),
            to_bus: None,
            subjects: Subject::OF_ALL.into(),
            changed: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            started: Instant::now(),
            next_connection: 0,
            database,
            trace,
        }
    }

    pub(crate) fn database(&self) -> SharedDatabase {
        self.database.clone()
    }

    pub(crate) fn note(&self, what: std::fmt::Arguments<'_>) {
        self.trace.note(format_args!("node {} {what}", self.id.0));
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn command(&self, command: Command, subject: Subject, payload: &[u8]) {
        if let Some(to_bus) = &self.to_bus {
            // Dropped if the queue is full.
            let _ = to_bus.try_send(encoded(command, &subject.name("sim"), payload));
        }
    }

    fn publish(&self, subject: Subject, payload: &Bytes) {
        self.command(Command::Publish, subject, payload);
    }

    fn listen(&mut self, subject: Subject, is_wanted: bool) {
        if is_wanted {
            self.subjects.insert(subject);
            self.command(Command::Subscribe, subject, &[]);
        } else {
            self.subjects.remove(&subject);
            self.command(Command::Unsubscribe, subject, &[]);
        }
    }

    /// Adds a client's connection, before its groups are known.
    pub(crate) fn attach(&mut self, connection: Connection) -> u64 {
        let user = UserId(connection.user);
        self.next_connection += 1;
        self.hub.connections.insert(self.next_connection, connection);
        self.interest.user(user, true, || {});
        self.listen(Subject::User(user), true);
        self.changed.insert(user, Some(PresenceStatus::Online));
        self.next_connection
    }

    /// Adds the groups that a client's user is a member of.
    pub(crate) fn joined(&mut self, connection: u64, groups: Vec<i64>) {
        for group in groups {
            if let Some(connection) = self.hub.connections.get_mut(&connection) {
                connection.groups.insert(group);
            }
            self.group(group);
        }
    }

    fn group(&mut self, group: i64) {
        let (is_here, group) = (self.hub.has_group(group), ConversationId(group));
        self.interest.group(group, is_here, || {});
        self.listen(Subject::Group(group), is_here);
    }

    pub(crate) fn detach(&mut self, connection: u64) {
        let Some(connection) = self.hub.connections.remove(&connection) else { return };
        connection.groups.into_iter().for_each(|group| self.group(group));
        if !self.hub.has_user(connection.user) {
            let user = UserId(connection.user);
            self.interest.user(user, false, || {});
            self.listen(Subject::User(user), false);
            self.changed.insert(user, None);
        }
    }

    /// Publishes events that this node has committed to the other nodes, then passes them to the sequencer.
    fn committed(&mut self, events: &[Arc<Event>]) {
        let Some(first) = events.first() else { return };
        let mut bundles: BTreeMap<Subject, Bundle> = BTreeMap::new();
        for event in events {
            let encoded = chat_codec::event::encode_one(event);
            for key in keys_of(&event.change) {
                let full = bundles.entry(key.subject()).or_default().add(event.position, &encoded);
                assert!(full.is_none(), "batches are small here");
            }
        }
        for (subject, bundle) in bundles {
            self.publish(subject, &bundle.into_bytes());
        }
        let keys = events.iter().map(|event| keys_of(&event.change)).collect();
        wire::headers(first.position, keys).iter().for_each(|header| self.publish(Subject::Log, header));
        self.sequencer.committed(events);
    }

    fn receive(&mut self, payload: &[u8]) {
        match wire::read(payload) {
            Some(Message::Header(header)) => self.sequencer.header(header),
            Some(Message::Events(events)) => {
                for received in events {
                    self.sequencer.event(received.position, received.event, received.bytes);
                }
            }
            Some(Message::Node(node, statement)) => self.nodes.receive(node, statement, self.now()),
            Some(Message::Signal(_)) | None => {}
        }
    }

    fn link(&mut self, to_bus: Option<Out>) {
        self.note(format_args!("has a bus: {}", to_bus.is_some()));
        let is_up = to_bus.is_some();
        self.to_bus = to_bus;
        self.sequencer.link(if is_up { Link::Up } else { Link::Down });
        self.sequencer.missed();
        if is_up {
            for subject in self.subjects.clone() {
                self.command(Command::Subscribe, subject, &[]);
            }
            self.nodes.greet();
        }
    }

    /// Runs the state machines as the relay's thread does. Returns the question to the journal and when to call again.
    fn turn(&mut self) -> (Option<Question>, Duration) {
        let now = self.now();
        let changed = std::mem::take(&mut self.changed);
        if !changed.is_empty() {
            self.nodes.changed(changed.into_iter().collect());
        }
        let here =
            || self.hub.connections.values().map(|one| (UserId(one.user), PresenceStatus::Online)).collect();
        for effect in self.nodes.turn(now, here) {
            self.follow(effect);
        }
        self.deliver();
        let turn = self.sequencer.turn(now);
        if turn.all_clients_resume {
            self.note(format_args!("closes all connections"));
            self.hub.close_all();
            self.deliver();
        }
        let wake_at = turn.wake_at.unwrap_or(now + Duration::from_secs(1)).min(self.nodes.wake_at());
        (turn.question, wake_at)
    }

    fn deliver(&mut self) {
        let mut next = Vec::new();
        self.sequencer.drain(&self.interest, &mut next);
        for event in next {
            self.note(format_args!("delivers {}", event.position));
            for group in self.hub.publish(&event) {
                self.group(group);
            }
        }
    }

    fn follow(&mut self, effect: Effect) {
        match effect {
            Effect::Publish(statement) => self.publish(Subject::Node, &wire::statement(self.id, &statement)),
            Effect::UsersChanged(node, users) => {
                let known = self.elsewhere.entry(node).or_default();
                for (user, status) in users {
                    if status.is_some() {
                        known.insert(user)
                    } else {
                        known.remove(&user)
                    };
                }
            }
            Effect::Lost(node) => drop(self.elsewhere.remove(&node)),
        }
    }

    fn update_seen(&self, seen: &mut Seen) {
        seen.here = self.hub.connections.values().map(|one| UserId(one.user)).collect();
        seen.elsewhere = self.elsewhere.values().flatten().copied().collect();
        seen.lag = self.sequencer.lag();
    }
}

impl Node {
    async fn relay(self, seen: Rc<RefCell<Seen>>) {
        loop {
            let (question, until) = {
                let mut core = self.core.borrow_mut();
                let (question, wake_at) = core.turn();
                core.update_seen(&mut seen.borrow_mut());
                (question, core.started + wake_at)
            };
            if let Some(question) = question {
                tokio::task::spawn_local(self.clone().ask(question));
            }
            tokio::select! {
                biased;
                () = self.wake.notified() => {}
                () = sleep_until(until) => {}
            }
        }
    }

    async fn ask(self, question: Question) {
        let ask = match question {
            Question::After(after) => Ask::Read { after: after.0, limit: i64::from(PAGE) },
            Question::End => Ask::End,
        };
        let answer = match (self.reader.ask(ask).await, question) {
            (Some(store::Answer::End(end)), _) => Answer::End(Position(end)),
            (Some(store::Answer::Page { up_to }), Question::After(after)) => {
                let events = self.core.borrow().database.borrow().events(after.0, up_to);
                Answer::Page(JournalPage::Events { events, up_to: Position(up_to) })
            }
            (Some(store::Answer::Gone), _) => Answer::Page(JournalPage::Gone),
            _ => Answer::Failed,
        };
        let mut core = self.core.borrow_mut();
        let now = core.now();
        core.sequencer.answer(answer, now);
        self.wake.notify_one();
    }

    async fn listen_to_bus(self) {
        loop {
            if let Some((out, mut frames)) = connect(broker::HOST, broker::PORT, TO_BUS).await {
                self.core.borrow_mut().link(Some(out));
                self.wake.notify_one();
                while let Some(payload) = frames.next().await {
                    self.core.borrow_mut().receive(&payload);
                    self.wake.notify_one();
                }
                self.core.borrow_mut().link(None);
                self.wake.notify_one();
            }
            sleep(AGAIN).await;
        }
    }

    /// Commits queued writes, one transaction at a time.
    async fn write(self, store: Rpc, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::new();
        while queue.recv_many(&mut jobs, BATCH).await > 0 {
            let writes = jobs.iter().map(|(write, _)| write.clone()).collect();
            let answer = store.ask(Ask::Commit(writes)).await;
            let is_committed = match answer {
                Some(store::Answer::Committed { after, up_to }) => {
                    let mut core = self.core.borrow_mut();
                    let events = core.database.borrow().events(after, up_to);
                    core.committed(&events);
                    true
                }
                _ => false,
            };
            self.wake.notify_one();
            for (_, waiting) in jobs.drain(..) {
                let _ = waiting.send(is_committed);
            }
        }
    }
}
