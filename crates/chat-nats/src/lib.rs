//! The NATS adapter: the bus between nodes, on core NATS. It stores nothing and guarantees no delivery; what it drops
//! is in the journal. No code in here may look into an event.

mod address;
mod earlier;
mod identity;
mod link_status;
mod permission_check;
mod receiver;
mod refusal;
mod thread;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::{Client, ClientError, ConnectOptions, Event, Server, ServerError};
use bytes::Bytes;
use chat_core::sync::Epoch;
use chat_relay::{Bus, Inbox, Subject};
use futures_util::FutureExt;
use tokio::sync::Notify;

use earlier::Earlier;
use link_status::LinkStatus;
use receiver::{Receiver, Subscribed};
use thread::Thread;

/// A server that leaves three pings in a row unanswered counts as gone.
const PING_INTERVAL: Duration = Duration::from_millis(700);
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// Bounds of the wait between attempts to connect. It stays short, so that nodes return as soon as the server does.
const FIRST_DELAY: Duration = Duration::from_millis(20);
const LONGEST_DELAY: Duration = Duration::from_secs(1);
/// Messages that may wait to be sent; further ones are dropped.
const OUTGOING: usize = 8192;
/// Messages that may wait in one subscription.
const INCOMING: usize = 4096;
/// Upper bound for sending what was published last.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);
/// The beginning of the client's error text for a host name that cannot be resolved.
const DNS_ERROR: &str = "DNS error";

/// Why the bus could not be started. An unreachable server is no error: the bus keeps trying to connect.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// An address is invalid.
    #[error("{address:?} is not the address of a NATS server, such as nats://127.0.0.1:4222: {reason}")]
    Address {
        /// The address as given, without user and password.
        address: String,
        /// The parser's error.
        reason: std::io::Error,
    },
    /// The setting names no address.
    #[error("no NATS server is named")]
    NoAddress,
    /// A file with credentials or with trusted certificates cannot be used.
    #[error("{setting}: {file} cannot be used: {reason}")]
    File {
        /// The setting that names the file.
        setting: &'static str,
        /// Path of the file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two settings, named here, give credentials.
    #[error("{0} and {1} both set the credentials for NATS; set one of them")]
    TwoCredentials(&'static str, &'static str),
    /// The client could not be created.
    #[error("cannot start the NATS client: {0}")]
    Client(#[from] async_nats::ConnectError),
    /// The client's thread could not be started, or ended early.
    #[error("cannot start a thread for the NATS client: {0}")]
    Thread(std::io::Error),
}

/// Where the NATS servers are and how to log in to them.
#[derive(Clone, Default)]
pub struct NatsOptions {
    /// One or more servers of one cluster, separated by commas: `nats://host:port` or `tls://host:port`, with
    /// `user:password@` or `token@` before the first host if need be.
    pub servers: String,
    /// First part of every subject. Clusters that share a NATS server have different prefixes.
    pub prefix: String,
    /// Epoch of the log that the events belong to. It is part of every subject, so that events of another log are never
    /// taken for this one's.
    pub epoch: Epoch,
    /// A file with the seed of the nkey to log in with.
    pub nkey: Option<PathBuf>,
    /// A file with credentials: a user's JWT and its seed.
    pub credentials: Option<PathBuf>,
    /// A file with the certificates of the authorities to trust; by default the system's.
    pub authorities: Option<PathBuf>,
    /// The connection's name, shown to the operator of the NATS server.
    pub name: String,
}

/// A connection to NATS that reconnects by itself.
pub struct NatsBus {
    client: Client,
    prefix: String,
    epoch: AtomicU32,
    earlier: Option<Arc<Earlier>>,
    status: Arc<LinkStatus>,
    pending: Arc<PendingChanges>,
    _thread: Thread,
}

/// Subscriptions to begin or end, with the last request for each subject. So a request never waits and never gets lost,
/// and their number is bounded by that of the subjects.
#[derive(Default)]
struct PendingChanges {
    changes: Mutex<HashMap<Subject, bool>>,
    /// Epoch of the log to follow from now on.
    epoch: Mutex<Option<Epoch>>,
    changed: Notify,
}

/// The first levels of a log's subjects. The epoch is a level of its own, so that permissions can be given for
/// everything below the prefix.
fn prefix_of(prefix: &str, epoch: Epoch) -> String {
    format!("{prefix}.{:08x}", epoch.0)
}

impl PendingChanges {
    fn set(&self, subject: Subject, is_wanted: bool) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).insert(subject, is_wanted);
        self.changed.notify_one();
    }
}

impl NatsBus {
    /// Starts a thread that connects and reconnects without end. The inbox gets every change of the link.
    ///
    /// # Errors
    /// Fails if an address or a file named in `options` cannot be used, or if the thread cannot be started.
    pub async fn connect(options: NatsOptions, inbox: Inbox) -> Result<Self, NatsError> {
        let servers = address::parse(&options.servers)?;
        let names = servers.names();
        let status = Arc::new(LinkStatus::new(inbox.clone()));
        // Earlier releases do not support a prefix of several levels.
        let may_be_there = !options.prefix.contains('.');
        let earlier = may_be_there.then(|| Arc::new(Earlier::new(&options.prefix)));
        let handler = EventHandler { status: status.clone(), earlier: earlier.clone(), names };
        let handler = Arc::new(handler);
        let (on_event, on_attempt) = (handler.clone(), handler);
        let connect = ConnectOptions::new()
            .name(&options.name)
            .no_echo()
            .retry_on_initial_connect()
            .max_reconnects(None)
            .reconnect_delay_callback(delay)
            .connection_timeout(CONNECT_WITHIN)
            .ping_interval(PING_INTERVAL)
            .client_capacity(OUTGOING)
            .subscription_capacity(INCOMING)
            .reconnect_to_server_callback(move |servers, _| {
                on_attempt.attempt(&servers);
                // The client chooses the server that it tries next.
                std::future::ready(None)
            })
            .event_callback(move |event| {
                on_event.event(&event);
                std::future::ready(())
            });
        let connect = identity::from_options(&options, &servers)?.apply_to(connect)?;
        let pending = Arc::new(PendingChanges::default());
        let (prefix, epoch) = (options.prefix, options.epoch);
        let receive = {
            let (prefix, status) = (prefix.clone(), status.clone());
            let (earlier, pending) = (earlier.clone(), pending.clone());
            let (subscribed, check) = (Subscribed::default(), None);
            move |client| {
                Receiver { client, prefix, epoch, inbox, status, earlier, subscribed, check }.run(pending)
            }
        };
        let (thread, client) = Thread::start(connect, servers.addresses, receive).await?;
        let epoch = AtomicU32::new(epoch.0);
        Ok(Self { client, prefix, epoch, earlier, status, pending, _thread: thread })
    }

    /// Whether the link is up and no other node was connected when it came up.
    pub fn is_alone(&self) -> bool {
        self.status.is_alone()
    }

    /// Waits until everything published so far is sent, at most one second.
    pub async fn flush(&self) {
        let _ = tokio::time::timeout(FLUSH_WITHIN, self.client.flush()).await;
    }
}

/// Passes the client's events on to the link's status.
struct EventHandler {
    status: Arc<LinkStatus>,
    earlier: Option<Arc<Earlier>>,
    /// All servers, for log lines about events that name no server.
    names: String,
}

impl EventHandler {
    fn event(&self, event: &Event) {
        match event {
            Event::Connected => self.status.connected(Instant::now()),
            Event::Disconnected | Event::Closed => self.status.disconnected(),
            Event::SlowConsumer(_) => self.status.missed(),
            Event::ServerError(ServerError::Other(error)) => self.refused(error),
            // The client does not store this error in `Server::last_error`, where `attempt` finds the others.
            Event::ClientError(ClientError::Other(kind)) if kind.starts_with(DNS_ERROR) => {
                self.status.failed(&[(self.names.clone(), kind.clone())]);
            }
            _ => {}
        }
    }

    fn refused(&self, error: &str) {
        let Some(refusal) = refusal::violation(error) else { return };
        if self.earlier.as_ref().is_some_and(|earlier| earlier.concerns(refusal)) {
            tracing::debug!(refusal, "NATS allows no subscription for nodes of earlier releases");
            return;
        }
        self.status.violated(&self.names, refusal, Instant::now());
    }

    /// Called before each attempt to connect, with the results of the previous ones.
    fn attempt(&self, servers: &[Server]) {
        let failed = servers.iter().filter(|server| server.failed_attempts > 0);
        let failures = failed.filter_map(|server| {
            let name = format!("{}:{}", server.addr.host(), server.addr.port());
            Some((name, server.last_error.clone()?))
        });
        self.status.failed(&failures.collect::<Vec<_>>());
    }
}

/// The wait before attempt number `attempt`.
fn delay(attempt: usize) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    FIRST_DELAY.saturating_mul(1 << doublings).min(LONGEST_DELAY)
}

impl Bus for NatsBus {
    fn publish(&self, subject: Subject, payload: Bytes) -> bool {
        let epoch = Epoch(self.epoch.load(Ordering::Acquire));
        if let Some(earlier) = self.earlier.as_ref().filter(|earlier| earlier.is_present()) {
            let (theirs, headers) = (earlier.name_of(subject, epoch), earlier.headers());
            now_or_never(self.client.publish_with_headers(theirs, headers, payload.clone()));
        }
        now_or_never(self.client.publish(subject.name(&prefix_of(&self.prefix, epoch)), payload))
    }

    fn subscribe(&self, subject: Subject) {
        self.pending.set(subject, true);
    }

    fn unsubscribe(&self, subject: Subject) {
        self.pending.set(subject, false);
    }

    fn is_up(&self) -> bool {
        self.status.is_up()
    }

    fn follow(&self, epoch: Epoch) {
        self.epoch.store(epoch.0, Ordering::Release);
        *self.pending.epoch.lock().unwrap_or_else(PoisonError::into_inner) = Some(epoch);
        self.pending.changed.notify_one();
    }
}

/// Polls once: the first poll puts the message into the client's queue if there is room and is then done.
/// `unconstrained`, since the runtime makes the poll return pending on a task that has used up its budget.
fn now_or_never<E>(publish: impl Future<Output = Result<(), E>>) -> bool {
    matches!(tokio::task::unconstrained(publish).now_or_never(), Some(Ok(())))
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
