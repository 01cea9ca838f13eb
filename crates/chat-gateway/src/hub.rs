//! Live delivery: takes committed events and gives each connected client the frames it may see.
//!
//! A few shards own the connections, each user's in one of them. A shard queues a frame, encoded once and shared, with
//! every connection concerned, and after draining what has come in writes each connection's queue in as few system
//! calls as possible. It never waits for a socket and never reads the store.
//!
//! Events come in the order of their positions, but may come late: with several nodes, some time after their commit can
//! be read. So nothing here takes an event for news: a connection drops what the log has given it already, by place, and
//! the index takes the newer of an event and a reading.

mod announcement;
mod connection;
mod delivery_trace;
pub(crate) mod full;
mod index;
mod local_users;
mod membership;
mod outbox;
mod pace;
pub(crate) mod presence;
pub(crate) mod protocol;
mod shard;
mod slots;
mod socket;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use announcement::{Announcement, Notice};
use chat_core::access::Ended;
use chat_core::cluster::{LocalMembers, NodeId, PresenceRegistry};
use chat_core::event::{Change, Event, Signal};
use chat_core::groups::Memberships;
use chat_core::ids::UserId;
use chat_core::ports::{Clock, EventSink};
use chat_core::presence::PresenceStatus;
use chat_core::sync::Epoch;
use local_users::LocalUsers;
use presence::Presence;
use prometheus_client::registry::Registry;
use tokio::sync::{Notify, RwLock, mpsc, oneshot};

pub(crate) use connection::{Bearer, Connection, Flush, Surroundings, Woken};
pub(crate) use delivery_trace::{DeliveryTrace, Remembered};
pub(crate) use full::Full;
pub(crate) use outbox::{Delivery, ReplayEnd};
pub use pace::Slowest;
pub(crate) use protocol::Protocol;
pub(crate) use slots::{Slot, Slots};
pub(crate) use socket::Socket;

use crate::metrics::{Metrics, Queues, Requests};
use crate::revocations::Revocations;

/// Orders that may wait for a shard. A full queue holds up the writer, and through it those who send.
const QUEUE: usize = 1024;

/// What a shard is told.
pub(crate) enum Order {
    Publish(Arc<[Announcement]>),
    Signal(Arc<Notice>),
    Attach(Arc<Connection>),
    Joined(Arc<Connection>, Memberships),
    Detach(Arc<Connection>),
    Revoke(Arc<[Ended]>),
    CloseAll(Leave),
    /// To be answered when all before it was followed.
    Answer(oneshot::Sender<()>),
}

/// Why all clients are asked to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// This server ends.
    Restarting,
    /// Events were missed, which the clients get from the log when they resume.
    Missed,
}

/// Bounds on what one connection may hold up.
#[derive(Debug, Clone, Copy)]
pub struct OutboxLimits {
    /// Frames that may wait for one client.
    pub frames: usize,
    /// Bytes that may wait for one client.
    pub bytes: usize,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self { frames: 1024, bytes: 1024 * 1024 }
    }
}

/// The handle to the shards, cheap to clone.
#[derive(Clone)]
pub struct Hub {
    shards: Arc<[mpsc::Sender<Order>]>,
    next_connection: Arc<AtomicU64>,
    started: Instant,
    clock: Arc<dyn Clock>,
    state: Arc<State>,
}

/// What a hub is built of.
pub struct HubParts {
    /// How many tasks own the connections; at least one.
    pub shards: usize,
    /// Tells when messages were given to clients, and when users of other nodes were last seen.
    pub clock: Arc<dyn Clock>,
    /// The log that the events are of.
    pub epoch: Epoch,
    /// Who is told of this node's users; only in a cluster.
    pub local_members: Option<Arc<dyn LocalMembers>>,
    /// The counts of HTTP requests, which are offered with what the hub counts.
    pub requests: Arc<Requests>,
}

/// What follows from events beside frames, kept up to date before the frames go out.
struct State {
    /// Of which log the events are.
    epoch: AtomicU32,
    revocations: Revocations,
    presence: Presence,
    metrics: Arc<Metrics>,
    delivery_trace: DeliveryTrace,
    /// Only in a cluster.
    local_users: Option<LocalUsers>,
    /// Some events were missed.
    missed: Notify,
    /// Connections attach under a read lock; all shards get their order to dismiss under the write lock. So a client
    /// that one shard has closed cannot attach to another shard before that one's order, and be closed again.
    attaching: RwLock<()>,
}

impl Hub {
    /// Starts the shards on the current runtime.
    pub fn spawn(parts: HubParts) -> Self {
        let HubParts { shards, clock, epoch, local_members, requests } = parts;
        let started = Instant::now();
        let state = Arc::new(State {
            epoch: AtomicU32::new(epoch.0),
            revocations: Revocations::default(),
            presence: Presence::new(local_members.clone()),
            metrics: Arc::new(Metrics::new(requests)),
            delivery_trace: DeliveryTrace::default(),
            local_users: local_members.map(LocalUsers::new),
            missed: Notify::new(),
            attaching: RwLock::new(()),
        });
        let spawn_one = |_| {
            let (orders, inbox) = mpsc::channel(QUEUE);
            tokio::spawn(shard::Shard::new(state.metrics.clone(), clock.clone()).run(inbox));
            orders
        };
        Self {
            shards: (0..shards.max(1)).map(spawn_one).collect(),
            next_connection: Arc::new(AtomicU64::new(1)),
            started,
            clock,
            state: state.clone(),
        }
    }

    /// What a store tells of its commits.
    pub fn sink(&self) -> Arc<dyn EventSink> {
        Arc::new(self.clone())
    }

    /// Offers what the hub and its neighbours in the gateway count to whoever watches the server.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.state.metrics.register(registry);
        registry.register_collector(Box::new(Queues(self.shards.clone())));
    }

    /// What is remembered of the messages that were delivered lately.
    pub(crate) fn delivery_trace(&self) -> &DeliveryTrace {
        &self.state.delivery_trace
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.state.metrics
    }

    /// What the nodes of a cluster tell of their users.
    pub fn presence_registry(&self) -> Arc<dyn PresenceRegistry> {
        Arc::new(self.clone())
    }

    /// Closes every connection with the request to come again soon and resume, because this node has missed events which
    /// it can't read any more. Nothing that is published afterwards reaches a client that it would leave with a hole,
    /// and which tokens were revoked is read from the store anew. Waits like [`EventSink::publish`], and like that must
    /// not be called from an async thread.
    pub fn everybody_resumes(&self) {
        {
            let _nobody_attaches = self.state.attaching.blocking_write();
            if let Some(local_users) = &self.state.local_users {
                local_users.missed();
            }
            for shard in self.shards.iter() {
                let _ = shard.blocking_send(Order::CloseAll(Leave::Missed));
            }
        }
        self.state.missed.notify_one();
        for shard in self.shards.iter() {
            let (answer, answered) = oneshot::channel();
            let _ = shard.blocking_send(Order::Answer(answer));
            // Without a shard there is nothing to wait for.
            let _ = answered.blocking_recv();
        }
    }

    /// Tells of which log the events are from now on, for cursors. Nobody who was told of another one may be connected.
    pub fn is_of(&self, epoch: Epoch) {
        self.state.epoch.store(epoch.0, Ordering::Release);
    }

    /// Resolves once events were missed since this was awaited last.
    pub(crate) async fn missed(&self) {
        self.state.missed.notified().await;
    }

    /// These tokens are worth nothing any more, as the store says; streams that were opened with them end.
    pub(crate) async fn end_access(&self, ended: Vec<Ended>) {
        for one in &ended {
            self.state.revocations.add(*one);
        }
        let ended: Arc<[Ended]> = ended.into();
        for shard in self.shards.iter() {
            let _ = shard.send(Order::Revoke(ended.clone())).await;
        }
    }

    /// The tokens that are worth nothing any more.
    pub(crate) fn revocations(&self) -> &Revocations {
        &self.state.revocations
    }

    /// Who is connected, and who looks at whom.
    pub(crate) fn presence(&self) -> &Presence {
        &self.state.presence
    }

    fn note(&self, event: &Event) {
        match &event.change {
            Change::AccessRevoked { user, which } => {
                self.state.revocations.add(Ended { user: *user, which: *which });
            }
            Change::MemberChanged { conversation, user, .. } => {
                if let Some(local_users) = &self.state.local_users {
                    local_users.member_changed(event.position, conversation.id, *user, true);
                }
            }
            Change::MemberRemoved { conversation, user } => {
                self.state.presence.member_removed(conversation.id, *user);
                if let Some(local_users) = &self.state.local_users {
                    local_users.member_changed(event.position, conversation.id, *user, false);
                }
            }
            _ => {}
        }
    }

    /// When the hub's own clock stood at zero.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    pub(crate) fn next_connection_id(&self) -> u64 {
        self.next_connection.fetch_add(1, Ordering::Relaxed)
    }

    /// From now on the connection gets what concerns its user; group messages only after [`Hub::joined`]. Waits while
    /// the shards are being given an order to close all connections.
    pub(crate) async fn attach(&self, connection: Arc<Connection>) {
        let _before_or_after_all_are_dismissed = self.state.attaching.read().await;
        if let Some(local_users) = &self.state.local_users {
            local_users.attach(connection.id(), connection.user());
        }
        self.order(connection.user(), Order::Attach(connection.clone())).await;
    }

    /// Tells which groups the user of an attached connection is in. To be called once for each.
    pub(crate) async fn joined(&self, connection: Arc<Connection>, memberships: Memberships) {
        if let Some(local_users) = &self.state.local_users {
            local_users.joined(connection.id(), connection.user(), memberships.clone());
        }
        self.order(connection.user(), Order::Joined(connection, memberships)).await;
    }

    /// The connection has ended.
    pub(crate) async fn detach(&self, connection: Arc<Connection>) {
        if let Some(local_users) = &self.state.local_users {
            local_users.detach(connection.id(), connection.user());
        }
        self.order(connection.user(), Order::Detach(connection.clone())).await;
    }

    /// Waits until the connections of a user have been given all that was published before.
    pub(crate) async fn caught_up(&self, user: UserId) {
        let (answer, answered) = oneshot::channel();
        self.order(user, Order::Answer(answer)).await;
        // Without a shard there is nothing to wait for.
        let _ = answered.await;
    }

    /// Asks every client to reconnect a little later, because this server ends.
    pub async fn close_all(&self) {
        for shard in self.shards.iter() {
            let _ = shard.send(Order::CloseAll(Leave::Restarting)).await;
        }
    }

    async fn order(&self, user: UserId, order: Order) {
        let number = user.0.unsigned_abs() % self.shards.len() as u64;
        if let Some(shard) = usize::try_from(number).ok().and_then(|number| self.shards.get(number)) {
            // A shard ends only with the runtime; then there is nothing left to tell it.
            let _ = shard.send(order).await;
        }
    }
}

/// Says on every node that was told of a message when it goes to its clients, for whoever follows it by its position.
fn log(event: &Event) {
    if let Change::MessagePosted(message) = &event.change {
        tracing::debug!(
            conversation.id = message.conversation.0,
            message.id = message.id.0,
            seq = message.seq.0,
            position = event.position.0,
            "told"
        );
    }
}

impl EventSink for Hub {
    /// Waits while a shard is behind, so it must not be called from an async thread: a store's writing thread may call
    /// it, or a relay's. Events must come in the order of their positions, however late.
    fn publish(&self, events: &[Arc<Event>]) {
        let epoch = Epoch(self.state.epoch.load(Ordering::Acquire));
        let traced = self.state.delivery_trace.note(events, self.clock.now());
        let announce = |(event, traced): (&Arc<Event>, _)| {
            log(event);
            self.note(event);
            Announcement::new(event.clone(), epoch, traced)
        };
        let announcements: Arc<[Announcement]> = events.iter().zip(traced).map(announce).collect();
        if announcements.is_empty() {
            return;
        }
        for shard in self.shards.iter() {
            let _ = shard.blocking_send(Order::Publish(announcements.clone()));
        }
    }

    fn signal(&self, signal: Signal) {
        let notice = Arc::new(Notice::new(signal));
        for shard in self.shards.iter() {
            // Signals are the first to go when a shard is behind.
            if shard.try_send(Order::Signal(notice.clone())).is_err() {
                self.state.metrics.signal_shed_by_hub();
            }
        }
    }
}

impl PresenceRegistry for Hub {
    fn here(&self) -> Vec<(UserId, PresenceStatus)> {
        self.state.presence.here()
    }

    fn there(&self, node: NodeId, users: &[(UserId, Option<PresenceStatus>)]) {
        self.state.presence.there(node, users, self.clock.now());
    }

    fn lost(&self, node: NodeId) {
        self.state.presence.lost(node, self.clock.now());
    }
}
