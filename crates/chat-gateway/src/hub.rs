//! Live delivery: takes committed events and gives each connected client the frames it may see.
//!
//! A few shards own the connections, each user's in one of them. A shard queues a frame, encoded once and shared, with
//! every connection concerned, and after draining what has come in writes each connection's queue in as few system
//! calls as possible. It never waits for a socket and never reads the store.

mod announcement;
mod connection;
mod index;
mod outbox;
mod shard;
mod slots;
mod socket;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use announcement::{Announcement, Notice};
use chat_core::access::Ended;
use chat_core::event::{Change, Event, Signal};
use chat_core::groups::Memberships;
use chat_core::ids::UserId;
use chat_core::ports::EventSink;
use chat_core::sync::Epoch;
use tokio::sync::mpsc;

pub(crate) use connection::{Bearer, Connection, Protocol, SILENT_MS, Woken};
pub(crate) use outbox::Delivery;
pub(crate) use slots::{Full, Slot, Slots};
pub(crate) use socket::Socket;

use crate::presence::Presence;
use crate::revocations::Revocations;

/// Orders that may wait for a shard. A full queue holds up the writer, and through it those who send.
const QUEUE: usize = 1024;

/// What a shard is told.
pub(crate) enum Order {
    Publish(Arc<[Announcement]>),
    Signal(Arc<Notice>),
    Attach(Arc<Connection>),
    Joined(UserId, Memberships),
    Detach(Arc<Connection>),
    CloseAll,
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
    state: Arc<State>,
}

/// What follows from events beside frames, kept up to date before the frames go out.
#[derive(Default)]
struct State {
    /// Known once the log is open, which is before anything is committed.
    epoch: OnceLock<Epoch>,
    revocations: Revocations,
    presence: Presence,
}

impl Hub {
    /// Starts the shards on the current runtime.
    pub fn spawn(shards: usize) -> Self {
        let started = Instant::now();
        let spawn_one = |_| {
            let (orders, inbox) = mpsc::channel(QUEUE);
            tokio::spawn(shard::Shard::new().run(inbox));
            orders
        };
        Self {
            shards: (0..shards.max(1)).map(spawn_one).collect(),
            next_connection: Arc::new(AtomicU64::new(1)),
            started,
            state: Arc::default(),
        }
    }

    /// What a store tells of its commits.
    pub fn sink(&self) -> Arc<dyn EventSink> {
        Arc::new(self.clone())
    }

    /// Tells which log the events are of, for cursors. To be called once, before the first connection.
    pub(crate) fn set_epoch(&self, epoch: Epoch) {
        // A second call would change nothing; there is none.
        let _ = self.state.epoch.set(epoch);
    }

    /// The tokens that are worth nothing any more.
    pub(crate) fn revocations(&self) -> &Revocations {
        &self.state.revocations
    }

    /// Who is connected, and who looks at whom.
    pub(crate) fn presence(&self) -> &Presence {
        &self.state.presence
    }

    fn note(&self, change: &Change) {
        match change {
            Change::AccessRevoked { user, which } => {
                self.state.revocations.add(Ended { user: *user, which: *which });
            }
            Change::MemberRemoved { conversation, user } => {
                self.state.presence.member_removed(conversation.id, *user);
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

    /// From now on the connection gets what concerns its user; group messages only after [`Hub::joined`].
    pub(crate) async fn attach(&self, connection: Arc<Connection>) {
        self.order(connection.user(), Order::Attach(connection.clone())).await;
    }

    /// Tells which groups an attached user is in. To be called once for each attached connection.
    pub(crate) async fn joined(&self, user: UserId, memberships: Memberships) {
        self.order(user, Order::Joined(user, memberships)).await;
    }

    /// The connection has ended.
    pub(crate) async fn detach(&self, connection: Arc<Connection>) {
        self.order(connection.user(), Order::Detach(connection.clone())).await;
    }

    /// Asks every client to reconnect a little later, because this server ends.
    pub async fn close_all(&self) {
        for shard in self.shards.iter() {
            let _ = shard.send(Order::CloseAll).await;
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

impl EventSink for Hub {
    /// Waits while a shard is behind, so it must not be called from an async thread.
    fn publish(&self, events: &[Arc<Event>]) {
        let epoch = self.state.epoch.get().copied().unwrap_or(Epoch(0));
        let announce = |event: &Arc<Event>| {
            self.note(&event.change);
            Announcement::new(event.clone(), epoch)
        };
        let announcements: Arc<[Announcement]> = events.iter().map(announce).collect();
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
            let _ = shard.try_send(Order::Signal(notice.clone()));
        }
    }
}
