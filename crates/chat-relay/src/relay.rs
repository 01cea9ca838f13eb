//! The running relay: a thread that owns the state machines, because the hub's sink blocks while its shards are behind,
//! and the handles by which the store, the hub and the bus reach it. The handles never wait.

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

/// The parts of a server that a relay connects.
pub struct Parts {
    /// The committed events of the last minutes.
    pub journal: Arc<dyn Journal>,
    /// Delivers events to this node's clients.
    pub hub: Arc<dyn EventSink>,
    /// Keeps the presence of users.
    pub presence_registry: Arc<dyn PresenceRegistry>,
    /// Closes the connections of all clients, so that they resume, because the journal no longer has what they missed.
    /// After it returns, no event given to the hub may reach one of them: the client would continue from there.
    /// Called on the relay's thread; may block.
    pub all_clients_resume: Box<dyn Fn() + Send>,
    /// Tells the hub the epoch of the events that it gets from now on. Called after `all_clients_resume`.
    pub set_epoch: Box<dyn Fn(Epoch) + Send>,
}

/// How a node is connected to the others.
pub struct BusOptions {
    /// The bus and the queue of its messages. `None` if nodes get each other's events from the journal alone.
    pub bus: Option<(Arc<dyn Bus>, Incoming)>,
    /// Epoch of the log in the journal, which the bus follows.
    pub epoch: Epoch,
    /// The relay's counters.
    pub metrics: Metrics,
}

/// Draws a random id for a node that starts.
///
/// # Errors
/// [`Error::Unavailable`] if the system has no random numbers.
pub fn draw_node_id() -> Result<NodeId> {
    let number = getrandom::u64().map_err(|error| Error::Unavailable(error.to_string().into()))?;
    Ok(NodeId(number))
}

/// State shared by the thread and the handles.
struct Shared {
    node: NodeId,
    bus: Option<Arc<dyn Bus>>,
    queue: SyncSender<Input>,
    interest: InterestSet,
    /// Users of this node whose presence has changed since the thread last took them.
    changed: Mutex<BTreeMap<UserId, Option<PresenceStatus>>>,
    metrics: Metrics,
    is_up: AtomicBool,
    has_met: AtomicBool,
    lag: AtomicU64,
    is_closing: AtomicBool,
    /// Epoch of the current log. The thread may be behind: it checks this before it processes an input.
    epoch: AtomicU32,
    log_switch: Mutex<Option<LogSwitch>>,
}

/// A switch to another log. The store waits until no client gets events of the previous log any more.
struct LogSwitch {
    to: Cursor,
    done: Sender<()>,
}

/// Upper bound for that wait. A thread that takes longer has a worse problem.
const SWITCHED_WITHIN: Duration = Duration::from_secs(10);

impl Shared {
    fn publish(&self, subject: Subject, payload: Bytes) {
        if let Some(bus) = &self.bus
            && bus.is_up()
            && !bus.publish(subject, payload)
        {
            self.metrics.dropped.inc();
        }
    }

    fn wake(&self) {
        // A full queue needs no wake-up.
        let _ = self.queue.try_send(Input::Wake);
    }

    fn take_changed(&self) -> BTreeMap<UserId, Option<PresenceStatus>> {
        std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A relay that is not yet running. The hub is built with [`Self::local_members`], then the relay is started with the
/// hub.
pub struct Prepared {
    shared: Arc<Shared>,
    incoming: Incoming,
}

impl Prepared {
    /// Prepares a relay and subscribes to the subjects of every node.
    pub fn new(node: NodeId, options: BusOptions) -> Self {
        let (bus, incoming) = match options.bus {
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
            metrics: options.metrics,
            is_up: AtomicBool::new(false),
            has_met: AtomicBool::new(false),
            lag: AtomicU64::new(0),
            is_closing: AtomicBool::new(false),
            epoch: AtomicU32::new(options.epoch.0),
            log_switch: Mutex::default(),
        });
        Self { shared, incoming }
    }

    /// The receiver of this node's users and groups. It must know a client's user and groups before the client gets
    /// what it missed: later events reach this node only if their audience is known to be here.
    pub fn local_members(&self) -> Arc<dyn LocalMembers> {
        Arc::new(Handle(self.shared.clone()))
    }

    /// Starts at the journal's end, and delivers events from there on; so it must be called before the store and the
    /// first client exist. Reads the journal on the current runtime.
    ///
    /// # Errors
    /// Fails if the journal cannot be read or the thread cannot be started.
    pub async fn start(self, parts: Parts) -> Result<Relay> {
        let Self { shared, incoming } = self;
        let runtime = tokio::runtime::Handle::current();
        let sequencer = Sequencer::new(parts.journal.end().await?);
        let outside = worker::Outside {
            journal: parts.journal,
            hub: parts.hub.clone(),
            presence_registry: parts.presence_registry,
            all_clients_resume: parts.all_clients_resume,
            set_epoch: parts.set_epoch,
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

/// A node's connection to the others. Ends when it is dropped.
pub struct Relay {
    shared: Arc<Shared>,
    hub: Arc<dyn EventSink>,
    ended: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Relay {
    /// The sink for this node's commits and signals. Never blocks.
    pub fn sink(&self) -> Arc<dyn EventSink> {
        Arc::new(Sink { shared: self.shared.clone(), hub: self.hub.clone() })
    }

    /// The state of this node's link to the others.
    pub fn peers(&self) -> Arc<dyn Peers> {
        Arc::new(Handle(self.shared.clone()))
    }

    /// Whether all known nodes have sent the list of their users. A node that no other has named yet is not known here.
    /// Without another node, this stays false.
    pub fn has_met_the_others(&self) -> bool {
        self.shared.has_met.load(Ordering::Acquire)
    }

    /// Publishes what is still queued, says goodbye to the others, and ends.
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

/// Takes this node's commits and the signals of its clients.
struct Sink {
    shared: Arc<Shared>,
    hub: Arc<dyn EventSink>,
}

impl EventSink for Sink {
    /// Drops a batch if the queue is full: all nodes then read it from the journal.
    fn publish(&self, events: &[Arc<Event>]) {
        let epoch = Epoch(self.shared.epoch.load(Ordering::Acquire));
        let batch = Input::Committed(epoch, events.to_vec());
        if !events.is_empty() && self.shared.queue.try_send(batch).is_err() {
            self.shared.metrics.dropped.inc();
        }
    }

    fn signal(&self, signal: Signal) {
        self.shared.publish(subject_of(&signal), wire::signal(&signal));
        self.hub.signal(signal);
    }

    fn log_replaced(&self, to: Cursor) {
        if self.shared.epoch.load(Ordering::Acquire) == to.epoch.0 {
            return;
        }
        let (done, waiting) = std::sync::mpsc::channel();
        *self.shared.log_switch.lock().unwrap_or_else(PoisonError::into_inner) = Some(LogSwitch { to, done });
        self.shared.epoch.store(to.epoch.0, Ordering::Release);
        self.shared.wake();
        // An error means that the thread has ended, so that no client gets anything, or that it took too long.
        let _ = waiting.recv_timeout(SWITCHED_WITHIN);
    }
}

/// Takes the hub's reports about users and groups, and answers questions about the link.
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

    fn presence(&self, user: UserId, status: Option<PresenceStatus>) {
        if self.0.bus.is_none() {
            return;
        }
        self.0.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(user, status);
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
