//! Live delivery: takes committed events and gives each connected client the frames that it may see.
//!
//! A few shards own the connections; all connections of a user are in one shard. A shard queues a frame, encoded once
//! and shared, with every connection concerned. After draining its inbox it writes each connection's queue in as few
//! system calls as possible. It never waits for a socket and never reads the store.
//!
//! Events come in the order of their log positions, but may be late: with several nodes, clients can read a commit from
//! the store before its event arrives here. So no event is assumed to be new: a connection drops frames up to the
//! position that the log has already given it, and the index takes the newer of an event and a reading.

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
mod shared_frame;
mod slots;
mod socket;
mod stream_form;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod waiting_receipts;

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

pub(crate) use connection::{Bearer, Connection, ConnectionContext, Flush, Woken};
pub(crate) use delivery_trace::{DeliveryTrace, Remembered};
pub(crate) use full::Full;
pub(crate) use outbox::{Delivery, ReplayEnd};
pub use pace::Slowest;
pub(crate) use protocol::Protocol;
pub(crate) use slots::{Slot, Slots};
pub(crate) use socket::Socket;
pub(crate) use stream_form::StreamForm;

use crate::metrics::{Metrics, Queues, Requests};
use crate::revocations::Revocations;

/// Commands that may wait for a shard. A full queue blocks the writer, and through it the senders.
const QUEUE: usize = 1024;

/// A command to a shard.
pub(crate) enum Command {
    Publish(Arc<[Announcement]>),
    Signal(Arc<Notice>),
    Attach(Arc<Connection>),
    Joined(Arc<Connection>, Memberships),
    Detach(Arc<Connection>),
    Revoke(Arc<[Ended]>),
    CloseAll(CloseReason),
    /// Reply once all commands before this one are done.
    Answer(oneshot::Sender<()>),
}

/// Why all clients are asked to reconnect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// This server shuts down.
    Restarting,
    /// Events were missed. The clients read them from the log when they resume.
    Missed,
}

/// Bounds on the queue of one connection.
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

/// Handle to the shards; cheap to clone.
#[derive(Clone)]
pub struct Hub {
    shards: Arc<[mpsc::Sender<Command>]>,
    next_connection: Arc<AtomicU64>,
    started: Instant,
    clock: Arc<dyn Clock>,
    state: Arc<State>,
}

/// Parameters of a hub.
pub struct HubParts {
    /// Number of tasks that own the connections; 0 counts as 1.
    pub shards: usize,
    /// Clock for the times when messages were queued for clients, and when users of other nodes were last seen.
    pub clock: Arc<dyn Clock>,
    /// Epoch of the log that the events come from.
    pub epoch: Epoch,
    /// Receives which users and group members this node has. `None` outside a cluster.
    pub local_members: Option<Arc<dyn LocalMembers>>,
    /// Counters of HTTP requests, registered together with the hub's metrics.
    pub requests: Arc<Requests>,
}

/// Effects of events other than frames, updated before the frames go out.
struct State {
    /// Epoch of the log that the events come from.
    epoch: AtomicU32,
    revocations: Revocations,
    presence: Presence,
    metrics: Arc<Metrics>,
    delivery_trace: DeliveryTrace,
    /// `None` outside a cluster.
    local_users: Option<LocalUsers>,
    /// Notified when events were missed.
    missed: Notify,
    /// Attaching takes the read lock. The command to close all connections is sent to all shards under the write lock.
    /// So a client that one shard has closed cannot attach to another shard before that shard has the command, and be
    /// closed again.
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
            let (commands, inbox) = mpsc::channel(QUEUE);
            tokio::spawn(shard::Shard::new(state.metrics.clone(), clock.clone()).run(inbox));
            commands
        };
        Self {
            shards: (0..shards.max(1)).map(spawn_one).collect(),
            next_connection: Arc::new(AtomicU64::new(1)),
            started,
            clock,
            state: state.clone(),
        }
    }

    /// The sink to which a store publishes its commits.
    pub fn sink(&self) -> Arc<dyn EventSink> {
        Arc::new(self.clone())
    }

    /// Registers the metrics of the hub and of the gateway's other parts.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.state.metrics.register(registry);
        registry.register_collector(Box::new(Queues(self.shards.clone())));
    }

    /// Delivery traces of recent messages.
    pub(crate) fn delivery_trace(&self) -> &DeliveryTrace {
        &self.state.delivery_trace
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.state.metrics
    }

    /// The registry of users on other nodes, for the relay.
    pub fn presence_registry(&self) -> Arc<dyn PresenceRegistry> {
        Arc::new(self.clone())
    }

    /// Closes every connection and asks its client to resume soon, because this node has missed events that it cannot
    /// read any more. Later events reach no client that would have a gap before them. Revocations are read from the
    /// store again. Blocks like [`EventSink::publish`], so it must not be called from an async thread either.
    pub fn all_clients_resume(&self) {
        {
            let _nobody_attaches = self.state.attaching.blocking_write();
            if let Some(local_users) = &self.state.local_users {
                local_users.missed();
            }
            for shard in self.shards.iter() {
                let _ = shard.blocking_send(Command::CloseAll(CloseReason::Missed));
            }
        }
        self.state.missed.notify_one();
        for shard in self.shards.iter() {
            let (answer, answered) = oneshot::channel();
            let _ = shard.blocking_send(Command::Answer(answer));
            // A shard that has ended cannot reply; there is nothing to wait for.
            let _ = answered.blocking_recv();
        }
    }

    /// Sets the epoch that cursors name from now on. No client that was given a cursor of another epoch may be
    /// connected.
    pub fn set_epoch(&self, epoch: Epoch) {
        self.state.epoch.store(epoch.0, Ordering::Release);
    }

    /// Resolves once events were missed since the last call resolved.
    pub(crate) async fn missed(&self) {
        self.state.missed.notified().await;
    }

    /// Revokes these tokens and closes the streams that were opened with them.
    pub(crate) async fn end_access(&self, ended: Vec<Ended>) {
        for one in &ended {
            self.state.revocations.add(*one);
        }
        let ended: Arc<[Ended]> = ended.into();
        for shard in self.shards.iter() {
            let _ = shard.send(Command::Revoke(ended.clone())).await;
        }
    }

    /// The revoked tokens.
    pub(crate) fn revocations(&self) -> &Revocations {
        &self.state.revocations
    }

    /// Presence of users, and the clients that watch it.
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

    /// The zero of the hub's own clock.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    pub(crate) fn next_connection_id(&self) -> u64 {
        self.next_connection.fetch_add(1, Ordering::Relaxed)
    }

    /// Attaches a connection. From now on it gets events of its user; group messages only after [`Hub::joined`]. Waits
    /// while the shards are getting the command to close all connections.
    pub(crate) async fn attach(&self, connection: Arc<Connection>) {
        let _before_or_after_all_are_dismissed = self.state.attaching.read().await;
        if let Some(local_users) = &self.state.local_users {
            local_users.attach(connection.id(), connection.user());
        }
        self.send(connection.user(), Command::Attach(connection.clone())).await;
    }

    /// Passes the groups of an attached connection's user. Call it once per connection.
    pub(crate) async fn joined(&self, connection: Arc<Connection>, memberships: Memberships) {
        if let Some(local_users) = &self.state.local_users {
            local_users.joined(connection.id(), connection.user(), memberships.clone());
        }
        self.send(connection.user(), Command::Joined(connection, memberships)).await;
    }

    /// Removes a connection that has ended.
    pub(crate) async fn detach(&self, connection: Arc<Connection>) {
        if let Some(local_users) = &self.state.local_users {
            local_users.detach(connection.id(), connection.user());
        }
        self.send(connection.user(), Command::Detach(connection.clone())).await;
    }

    /// Waits until everything published before this call is queued for the user's connections.
    pub(crate) async fn caught_up(&self, user: UserId) {
        let (answer, answered) = oneshot::channel();
        self.send(user, Command::Answer(answer)).await;
        // A shard that has ended cannot reply; there is nothing to wait for.
        let _ = answered.await;
    }

    /// Asks every client to reconnect a little later, because this server shuts down.
    pub async fn close_all(&self) {
        for shard in self.shards.iter() {
            let _ = shard.send(Command::CloseAll(CloseReason::Restarting)).await;
        }
    }

    async fn send(&self, user: UserId, command: Command) {
        let number = user.0.unsigned_abs() % self.shards.len() as u64;
        if let Some(shard) = usize::try_from(number).ok().and_then(|number| self.shards.get(number)) {
            // A shard ends only with the runtime; then the command does not matter.
            let _ = shard.send(command).await;
        }
    }
}

/// Logs on every node that got a message's event when it goes to that node's clients, so that an operator can follow it
/// by its log position.
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
    /// Blocks while a shard is behind, so it must not be called from an async thread: the writing thread of a store or
    /// a relay may call it. Events must come in the order of their log positions, however late.
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
            let _ = shard.blocking_send(Command::Publish(announcements.clone()));
        }
    }

    fn signal(&self, signal: Signal) {
        let notice = Arc::new(Notice::new(signal));
        for shard in self.shards.iter() {
            // Signals are dropped first when a shard is behind.
            if shard.try_send(Command::Signal(notice.clone())).is_err() {
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
