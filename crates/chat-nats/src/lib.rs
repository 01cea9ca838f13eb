//! The NATS adapter: the bus between nodes, on core NATS. It stores nothing and promises nothing; what it drops is in
//! the journal. No event may be understood in here.

mod address;
mod carrier;
mod earlier;
mod identity;
mod inquiry;
mod refusal;
mod standing;
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

use carrier::{Carrier, Subscribed};
use earlier::Earlier;
use standing::Standing;
use thread::Thread;

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
/// What the client says of a name that leads nowhere.
const NO_NAME: &str = "DNS error";

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
    /// A file that says who we are, or whom we trust, is of no use.
    #[error("{setting}: {file} cannot be used: {reason}")]
    File {
        /// By which setting it was named.
        setting: &'static str,
        /// Which file.
        file: String,
        /// Why.
        reason: String,
    },
    /// It is said in two ways who we are.
    #[error("{0} and {1} both set the credentials for NATS; set one of them")]
    TwoNames(&'static str, &'static str),
    /// The client could not be made.
    #[error("cannot start the NATS client: {0}")]
    Client(#[from] async_nats::ConnectError),
    /// Nor could the thread that it runs on.
    #[error("cannot start a thread for the NATS client: {0}")]
    Thread(std::io::Error),
}

/// Where the bus is.
#[derive(Clone, Default)]
pub struct NatsOptions {
    /// One or more servers of one cluster, separated by commas: `nats://host:port` or `tls://host:port`, with
    /// `user:password@` or `token@` before the first host if need be.
    pub servers: String,
    /// Before every subject. Clusters that share a NATS server have different ones.
    pub prefix: String,
    /// The log that the news is of. It is in every subject, so that news of another log is never taken for this one's.
    pub epoch: Epoch,
    /// A file with the seed of an nkey, as which to connect.
    pub nkey: Option<PathBuf>,
    /// A file with credentials: a user's JWT and its seed.
    pub credentials: Option<PathBuf>,
    /// A file with the certificates of the authorities that vouch for the servers; by default the system's.
    pub authorities: Option<PathBuf>,
    /// As which the server's operator sees this node.
    pub name: String,
}

/// A connection to NATS that comes back by itself.
pub struct NatsBus {
    client: Client,
    prefix: String,
    epoch: AtomicU32,
    earlier: Option<Arc<Earlier>>,
    standing: Arc<Standing>,
    wishes: Arc<Wishes>,
    _thread: Thread,
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

/// What the subjects of a log begin with: its number is a level of its own, so that rights can be given for all that is
/// below the prefix.
fn prefix_of(prefix: &str, epoch: Epoch) -> String {
    format!("{prefix}.{:08x}", epoch.0)
}

impl Wishes {
    fn wish(&self, subject: Subject, is_wanted: bool) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).insert(subject, is_wanted);
        self.changed.notify_one();
    }
}

impl NatsBus {
    /// Begins to connect and goes on until it has succeeded, on a thread of its own. Whether it has, the inbox is told.
    ///
    /// # Errors
    /// If the addresses or the files that it is told of are of no use.
    pub async fn connect(options: NatsOptions, inbox: Inbox) -> Result<Self, NatsError> {
        let servers = address::parse(&options.servers)?;
        let names = servers.names();
        let standing = Arc::new(Standing::new(inbox.clone()));
        // Earlier releases know of no prefix of several levels.
        let may_be_there = !options.prefix.contains('.');
        let earlier = may_be_there.then(|| Arc::new(Earlier::new(&options.prefix)));
        let link = Link { standing: standing.clone(), earlier: earlier.clone(), names };
        let link = Arc::new(link);
        let (on_event, on_attempt) = (link.clone(), link);
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
                // Which one is tried next is the client's to choose.
                std::future::ready(None)
            })
            .event_callback(move |event| {
                on_event.event(&event);
                std::future::ready(())
            });
        let connect = identity::of(&options, &servers)?.given_to(connect)?;
        let wishes = Arc::new(Wishes::default());
        let (prefix, epoch) = (options.prefix, options.epoch);
        let carry = {
            let (prefix, standing) = (prefix.clone(), standing.clone());
            let (earlier, wishes) = (earlier.clone(), wishes.clone());
            let (subscribed, inquiry) = (Subscribed::default(), None);
            move |client| {
                Carrier { client, prefix, epoch, inbox, standing, earlier, subscribed, inquiry }.run(wishes)
            }
        };
        let (thread, client) = Thread::start(connect, servers.addresses, carry).await?;
        let epoch = AtomicU32::new(epoch.0);
        Ok(Self { client, prefix, epoch, earlier, standing, wishes, _thread: thread })
    }

    /// Whether news travels, and no other node was there to hear of it when that began.
    pub fn is_alone(&self) -> bool {
        self.standing.is_alone()
    }

    /// Waits a moment until what was published last is on its way.
    pub async fn flush(&self) {
        let _ = tokio::time::timeout(LAST_WORDS, self.client.flush()).await;
    }
}

/// What the client tells of itself, on its way to the link's standing.
struct Link {
    standing: Arc<Standing>,
    earlier: Option<Arc<Earlier>>,
    /// All servers, for what is told of none in particular.
    names: String,
}

impl Link {
    fn event(&self, event: &Event) {
        match event {
            Event::Connected => self.standing.connected(Instant::now()),
            Event::Disconnected | Event::Closed => self.standing.disconnected(),
            Event::SlowConsumer(_) => self.standing.missed(),
            Event::ServerError(ServerError::Other(error)) => self.refused(error),
            // Of a name that cannot be resolved the client keeps no reason with the server.
            Event::ClientError(ClientError::Other(kind)) if kind.starts_with(NO_NAME) => {
                self.standing.failed(&[(self.names.clone(), kind.clone())]);
            }
            _ => {}
        }
    }

    fn refused(&self, error: &str) {
        let Some(refusal) = refusal::violation(error) else { return };
        if self.earlier.as_ref().is_some_and(|earlier| earlier.is_meant(refusal)) {
            tracing::debug!(refusal, "NATS allows no subscription for nodes of earlier releases");
            return;
        }
        self.standing.violated(&self.names, refusal, Instant::now());
    }

    /// Before each attempt the client shows what came of those before.
    fn attempt(&self, servers: &[Server]) {
        let failed = servers.iter().filter(|server| server.failed_attempts > 0);
        let failures = failed.filter_map(|server| {
            let name = format!("{}:{}", server.addr.host(), server.addr.port());
            Some((name, server.last_error.clone()?))
        });
        self.standing.failed(&failures.collect::<Vec<_>>());
    }
}

/// The wait before the n-th attempt.
fn delay(attempt: usize) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    FIRST_DELAY.saturating_mul(1 << doublings).min(LONGEST_DELAY)
}

impl Bus for NatsBus {
    fn publish(&self, subject: Subject, payload: Bytes) -> bool {
        let epoch = Epoch(self.epoch.load(Ordering::Acquire));
        if let Some(earlier) = self.earlier.as_ref().filter(|earlier| earlier.is_there()) {
            let (theirs, headers) = (earlier.spelt(subject, epoch), earlier.headers());
            now_or_never(self.client.publish_with_headers(theirs, headers, payload.clone()));
        }
        now_or_never(self.client.publish(subject.spelt(&prefix_of(&self.prefix, epoch)), payload))
    }

    fn subscribe(&self, subject: Subject) {
        self.wishes.wish(subject, true);
    }

    fn unsubscribe(&self, subject: Subject) {
        self.wishes.wish(subject, false);
    }

    fn is_up(&self) -> bool {
        self.standing.is_up()
    }

    fn follow(&self, epoch: Epoch) {
        self.epoch.store(epoch.0, Ordering::Release);
        *self.wishes.epoch.lock().unwrap_or_else(PoisonError::into_inner) = Some(epoch);
        self.wishes.changed.notify_one();
    }
}

/// The first step puts a message into the client's queue if there is room, and there is no second then. On an async task
/// that has done much without a pause, the runtime would make the step seem to have to wait.
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
