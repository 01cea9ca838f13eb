//! The NATS adapter: the bus between nodes, on core NATS. It stores nothing and promises nothing; what it drops is in
//! the journal. No event may be understood in here.

mod address;
mod carrier;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Event};
use bytes::Bytes;
use chat_core::sync::Epoch;
use chat_relay::{Bus, Inbox, Subject};
use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A server that answers none of three of these is taken for gone.
const PING_INTERVAL: Duration = Duration::from_millis(700);
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// Between attempts to connect: short at first, then never long, since nodes come back as soon as the server does.
const FIRST_DELAY: Duration = Duration::from_millis(20);
const LONGEST_DELAY: Duration = Duration::from_secs(1);
/// Messages that may wait to be sent; what finds no room is dropped.
const OUTGOING: usize = 8192;
/// Messages that may wait in one subscription.
const INCOMING: usize = 4096;
/// How long the last words may take on their way out.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why there can be no bus. That no server is there is no reason: it may come.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// An address is none.
    #[error("{address:?} is not the address of a NATS server, such as nats://127.0.0.1:4222: {reason}")]
    Address {
        /// Without user and password.
        address: String,
        /// Why.
        reason: std::io::Error,
    },
    /// There has to be one.
    #[error("no NATS server is named")]
    NoAddress,
    /// The client could not be made.
    #[error("the NATS client could not be started: {0}")]
    Client(#[from] async_nats::ConnectError),
}

/// Where the bus is.
#[derive(Clone)]
pub struct NatsOptions {
    /// One or more servers of one cluster, separated by commas: `nats://host:port` or `tls://host:port`, with
    /// `user:password@` or `token@` before the first host if need be.
    pub servers: String,
    /// Before every subject. Clusters that share a NATS server have different ones.
    pub prefix: String,
    /// The log that the news is of. It is in every subject, so that news of another log is never taken for this one's.
    pub epoch: Epoch,
    /// As which the server's operator sees this node.
    pub name: String,
}

/// A connection to NATS that comes back by itself.
pub struct NatsBus {
    client: Client,
    prefix: String,
    epoch: AtomicU32,
    wishes: Arc<Wishes>,
    carrier: JoinHandle<()>,
}

/// What is to be listened to, and what not any more: of each subject the last that was said. So a wish never waits and
/// never gets lost, and as many are kept as there are subjects.
#[derive(Default)]
struct Wishes {
    changes: Mutex<HashMap<Subject, bool>>,
    /// The log that is to be followed from now on.
    epoch: Mutex<Option<Epoch>>,
    changed: Notify,
}

/// What the subjects of a log begin with.
fn prefix_of(prefix: &str, epoch: Epoch) -> String {
    format!("{prefix}-{:08x}", epoch.0)
}

impl Wishes {
    fn wish(&self, subject: Subject, is_wanted: bool) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).insert(subject, is_wanted);
        self.changed.notify_one();
    }
}

/// What the relay was told of the link last.
struct Told {
    inbox: Inbox,
    is_up: AtomicBool,
}

impl Told {
    fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Acquire)
    }

    fn link(&self, is_up: bool) {
        if self.is_up.swap(is_up, Ordering::AcqRel) == is_up {
            return;
        }
        if is_up {
            tracing::info!("connected to NATS");
            self.inbox.up();
        } else {
            tracing::warn!(
                "NATS does not answer; news of other nodes is read from the database until it does"
            );
            self.inbox.down();
        }
    }

    fn event(&self, event: &Event) {
        match event {
            Event::Connected => self.link(true),
            Event::Disconnected | Event::Closed => self.link(false),
            Event::SlowConsumer(_) => self.inbox.missed(),
            _ => {}
        }
    }
}

impl NatsBus {
    /// Begins to connect and goes on until it has succeeded, on the current runtime. Whether it has, the inbox is told.
    pub async fn connect(options: NatsOptions, inbox: Inbox) -> Result<Self, NatsError> {
        let servers = address::parse(&options.servers)?;
        let told = Arc::new(Told { inbox: inbox.clone(), is_up: AtomicBool::new(false) });
        let on_event = told.clone();
        let connect = ConnectOptions::new()
            .name(options.name.clone())
            .no_echo()
            .retry_on_initial_connect()
            .max_reconnects(None)
            .reconnect_delay_callback(delay)
            .connection_timeout(CONNECT_WITHIN)
            .ping_interval(PING_INTERVAL)
            .client_capacity(OUTGOING)
            .subscription_capacity(INCOMING)
            .event_callback(move |event| {
                on_event.event(&event);
                std::future::ready(())
            });
        let client = servers.authenticate(connect).connect(servers.addresses).await?;
        let wishes = Arc::new(Wishes::default());
        let carrier = carrier::Carrier::new(client.clone(), &options, inbox, told);
        let carrier = tokio::spawn(carrier.run(wishes.clone()));
        let epoch = AtomicU32::new(options.epoch.0);
        Ok(Self { client, prefix: options.prefix, epoch, wishes, carrier })
    }

    /// Waits a moment until what was published last is on its way.
    pub async fn flush(&self) {
        let _ = tokio::time::timeout(LAST_WORDS, self.client.flush()).await;
    }
}

/// The wait before the n-th attempt.
fn delay(attempt: usize) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    FIRST_DELAY.saturating_mul(1 << doublings).min(LONGEST_DELAY)
}

impl Bus for NatsBus {
    fn publish(&self, subject: Subject, payload: Bytes) -> bool {
        // The first step puts the message into the client's queue if there is room, and there is no second then. On an
        // async task that has done much without a pause, the runtime would make the step seem to have to wait.
        let prefix = prefix_of(&self.prefix, Epoch(self.epoch.load(Ordering::Acquire)));
        let put = tokio::task::unconstrained(self.client.publish(subject.spelt(&prefix), payload));
        matches!(put.now_or_never(), Some(Ok(())))
    }

    fn subscribe(&self, subject: Subject) {
        self.wishes.wish(subject, true);
    }

    fn unsubscribe(&self, subject: Subject) {
        self.wishes.wish(subject, false);
    }

    fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    fn follow(&self, epoch: Epoch) {
        self.epoch.store(epoch.0, Ordering::Release);
        *self.wishes.epoch.lock().unwrap_or_else(PoisonError::into_inner) = Some(epoch);
        self.wishes.changed.notify_one();
    }
}

impl Drop for NatsBus {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_short() {
        let delays: Vec<_> = [1, 2, 3, 7, 1000, usize::MAX].map(|attempt| delay(attempt).as_millis()).into();
        assert_eq!(delays, [20, 40, 80, 1000, 1000, 1000]);
    }
}
