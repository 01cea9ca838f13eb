//! The running relay: a thread that owns the state machines, because the hub's sink blocks while its shards are behind,
//! and the handles by which the store, the hub and the bus reach it, none of which ever waits.

mod worker;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chat_core::cluster::{Journal, Link, LocalMembers, NodeId, Peers, PresenceRegistry};
use chat_core::event::{Event, Signal};
use chat_core::ids::{ConversationId, UserId};
use chat_core::ports::EventSink;
use chat_core::presence::PresenceStatus;
use chat_core::sync::{Cursor, Epoch};
use chat_core::{Error, Result};
use tokio::sync::oneshot;

use crate::bus::{Bus, Subject};
use crate::inbox::{Incoming, Input, channel};
use crate::interest::InterestSet;
use crate::key::subject_of;
use crate::metrics::Metrics;
use crate::sequencer::Sequencer;
use crate::wire;
use worker::Worker;

/// What a relay connects.
pub struct Parts {
    /// What was committed.
    pub journal: Arc<dyn Journal>,
    /// Who tells this node's clients.
    pub hub: Arc<dyn EventSink>,
    /// Who keeps the presence of users.
    pub presence_registry: Arc<dyn PresenceRegistry>,
    /// Closes the connections of all clients, for them to resume, because the journal does not give what they missed.
    /// When it returns, nothing that the hub is given from then on may reach any of them: they would go on from there.
    /// Called on the relay's thread, which may be held up.
    pub everybody_resumes: Box<dyn Fn() + Send>,
    /// Tells the hub of which log the events are that it is given from now on. Everybody was told to resume by then.
    pub is_of: Box<dyn Fn(Epoch) + Send>,
}

/// How a node hears of the others.
pub struct Way {
    /// The bus and the queue by which its news comes; none where nodes know of each other by the journal alone.
    pub bus: Option<(Arc<dyn Bus>, Incoming)>,
    /// The log that the journal is of, and that the bus follows.
    pub epoch: Epoch,
    /// What is counted.
    pub metrics: Metrics,
}

/// A number for a node that starts.
pub fn draw_node_id() -> Result<NodeId> {
    let number = getrandom::u64().map_err(|error| Error::Unavailable(error.to_string().into()))?;
    Ok(NodeId(number))
}

/// What the thread and the handles share.
struct Shared {
    node: NodeId,
    bus: Option<Arc<dyn Bus>>,
    queue: SyncSender<Input>,
    interest: InterestSet,
    /// Users of this node whose presence has changed since the thread looked last.
    changed: Mutex<BTreeMap<UserId, Option<PresenceStatus>>>,
    metrics: Metrics,
    is_up: AtomicBool,
    has_met: AtomicBool,
    lag: AtomicU64,
    is_closing: AtomicBool,
    /// Of the log that is published now. The thread may be behind: it looks at this before it takes anything in.
    epoch: AtomicU32,
    turning: Mutex<Option<Turning>>,
}

/// The log has become another one, and somebody waits until no client is told of the one before any more.
struct Turning {
    to: Cursor,
    done: Sender<()>,
}

/// A thread that has not done so by then is held up by something worse.
const TURNED_WITHIN: Duration = Duration::from_secs(10);

impl Shared {
    fn tell(&self, subject: Subject, payload: Bytes) {
        if let Some(bus) = &self.bus
            && bus.is_up()
            && !bus.publish(subject, payload)
        {
            self.metrics.dropped.inc();
        }
    }

    fn wake(&self) {
        // A full queue needs no waking.
        let _ = self.queue.try_send(Input::Wake);
    }

    fn take_changed(&self) -> BTreeMap<UserId, Option<PresenceStatus>> {
        std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A node's place among the others before anything is handed on there. The hub is built with what it gives, and then the
/// relay is started with the hub.
pub struct Prepared {
    shared: Arc<Shared>,
    incoming: Incoming,
}

impl Prepared {
    /// Takes a place by this way, and has the bus listen to what concerns all nodes.
    pub fn new(node: NodeId, way: Way) -> Self {
        let (bus, incoming) = match way.bus {
            Some((bus, incoming)) => (Some(bus), incoming),
            None => (None, channel().1),
        };
        for subject in Subject::OF_ALL {
            bus.iter().for_each(|bus| bus.subscribe(subject));
        }
        let shared = Arc::new(Shared {
            node,
            bus,
            queue: incoming.sender.clone(),
            interest: InterestSet::default(),
            changed: Mutex::default(),
            metrics: way.metrics,
            is_up: AtomicBool::new(false),
            has_met: AtomicBool::new(false),
            lag: AtomicU64::new(0),
            is_closing: AtomicBool::new(false),
            epoch: AtomicU32::new(way.epoch.0),
            turning: Mutex::default(),
        });
        Self { shared, incoming }
    }

    /// Who is to be told what this node's clients have to do with. Must be told of a client before the client is given
    /// what it missed: what is committed later than that reaches this node only if somebody is known to want it.
    pub fn local_members(&self) -> Arc<dyn LocalMembers> {
        Arc::new(Handle(self.shared.clone()))
    }

    /// Starts at the journal's end, from where on this node's clients can be told; so it has to be there before any
    /// client is, and before the store. Asks the journal on the current runtime.
    pub async fn start(self, parts: Parts) -> Result<Relay> {
        let Self { shared, incoming } = self;
        let runtime = tokio::runtime::Handle::current();
        let sequencer = Sequencer::new(parts.journal.end().await?);
        let outside = worker::Outside {
            journal: parts.journal,
            hub: parts.hub.clone(),
            presence_registry: parts.presence_registry,
            everybody_resumes: parts.everybody_resumes,
            is_of: parts.is_of,
            runtime,
        };
        let worker = Worker::new(shared.clone(), incoming, outside, sequencer);
        let (ending, ended) = oneshot::channel();
        let run = move || {
            worker.run();
            let _ = ending.send(());
        };
        let spawned = std::thread::Builder::new().name("relay".into()).spawn(run);
        spawned.map_err(|error| {
            Error::Unavailable(format!("cannot start a thread for the relay: {error}").into())
        })?;
        Ok(Relay { shared, hub: parts.hub, ended: Mutex::new(Some(ended)) })
    }
}

/// A node's link to the others. Ends when it is dropped.
pub struct Relay {
    shared: Arc<Shared>,
    hub: Arc<dyn EventSink>,
    ended: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Relay {
    /// Who is to be told of this node's commits and signals. Never blocks.
    pub fn sink(&self) -> Arc<dyn EventSink> {
        Arc::new(Sink { shared: self.shared.clone(), hub: self.hub.clone() })
    }

    /// How this node stands with the others.
    pub fn peers(&self) -> Arc<dyn Peers> {
        Arc::new(Handle(self.shared.clone()))
    }

    /// Whether the nodes that are there have said who is connected to them. Of one of which nobody has told yet, nothing is
    /// known here; so where there is no other node, it never becomes so.
    pub fn has_met_the_others(&self) -> bool {
        self.shared.has_met.load(Ordering::Acquire)
    }

    /// Tells the others what is still to be told, takes leave of them, and ends.
    pub async fn close(&self) {
        self.end();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ended) = ended {
            let _ = ended.await;
        }
    }

    fn end(&self) {
        self.shared.is_closing.store(true, Ordering::Release);
        self.shared.wake();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.end();
    }
}

/// Takes in what this node commits, and the signals of its clients.
struct Sink {
    shared: Arc<Shared>,
    hub: Arc<dyn EventSink>,
}

impl EventSink for Sink {
    /// What there is no room for is in the journal, from which all nodes read what they are not told.
    fn publish(&self, events: &[Arc<Event>]) {
        let epoch = Epoch(self.shared.epoch.load(Ordering::Acquire));
        let batch = Input::Committed(epoch, events.to_vec());
        if !events.is_empty() && self.shared.queue.try_send(batch).is_err() {
            self.shared.metrics.dropped.inc();
        }
    }

    fn signal(&self, signal: Signal) {
        self.shared.tell(subject_of(&signal), wire::signal(&signal));
        self.hub.signal(signal);
    }

    fn turned(&self, to: Cursor) {
        if self.shared.epoch.load(Ordering::Acquire) == to.epoch.0 {
            return;
        }
        let (done, waiting) = std::sync::mpsc::channel();
        *self.shared.turning.lock().unwrap_or_else(PoisonError::into_inner) = Some(Turning { to, done });
        self.shared.epoch.store(to.epoch.0, Ordering::Release);
        self.shared.wake();
        // An error: the thread has ended, and with it everything that clients are told.
        let _ = waiting.recv_timeout(TURNED_WITHIN);
    }
}

/// Takes in what this node's hub says, and answers what is asked of the link.
struct Handle(Arc<Shared>);

impl LocalMembers for Handle {
    fn user(&self, user: UserId, is_here: bool) {
        let listen = || self.0.listen(Subject::User(user), is_here);
        self.0.interest.user(user, is_here, listen);
    }

    fn group(&self, conversation: ConversationId, is_here: bool) {
        let listen = || self.0.listen(Subject::Group(conversation), is_here);
        self.0.interest.group(conversation, is_here, listen);
    }

    fn presence(&self, user: UserId, choice: Option<PresenceStatus>) {
        if self.0.bus.is_none() {
            return;
        }
        self.0.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(user, choice);
        self.0.wake();
    }
}

impl Shared {
    fn listen(&self, subject: Subject, is_wanted: bool) {
        let Some(bus) = &self.bus else { return };
        if is_wanted { bus.subscribe(subject) } else { bus.unsubscribe(subject) }
    }
}

impl Peers for Handle {
    fn link(&self) -> Option<Link> {
        self.0.bus.as_ref()?;
        Some(if self.0.is_up.load(Ordering::Relaxed) { Link::Up } else { Link::Down })
    }

    fn lag(&self) -> u64 {
        self.0.lag.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
