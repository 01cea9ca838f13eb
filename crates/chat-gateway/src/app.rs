//! What all handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chat_core::Chat;
use chat_core::cluster::Peers;
use tokio::sync::Semaphore;

use crate::answers::Answers;
use crate::audit::Audit;
use crate::auth::Authenticator;
use crate::clock::Comparison;
use crate::devices::Devices;
use crate::hub::{Hub, Slots, Surroundings};
use crate::limits::Limiter;
use crate::pages::Pages;
use crate::places::Places;
use crate::probe::Probes;
use crate::receipts::Receipts;
use crate::{GatewayOptions, Tokens, housekeeping, tickets};

/// The gateway's state; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// The parts, for the gateway's own modules.
pub struct Shared {
    pub(crate) chat: Chat,
    pub(crate) hub: Hub,
    pub(crate) auth: Authenticator,
    pub(crate) slots: Slots,
    /// Shared by all connections.
    pub(crate) surroundings: Arc<Surroundings>,
    pub(crate) receipts: Receipts,
    /// Whether a durable write would succeed now.
    pub(crate) probes: Arc<Probes>,
    pub(crate) limits: Limiter,
    pub(crate) audit: Arc<Audit>,
    pub(crate) devices: Devices,
    pub(crate) pages: Pages,
    /// Only in a cluster.
    pub(crate) peers: Option<Arc<dyn Peers>>,
    pub(crate) options: GatewayOptions,
    is_draining: AtomicBool,
    /// Places for streams whose first frame has yet to say who they are.
    pub(crate) unauthenticated: Arc<Semaphore>,
    /// How many of these one address may have.
    pub(crate) unauthenticated_by_address: Arc<Places>,
    /// The tickets that wait for their use.
    pub(crate) tickets: tickets::Waiting,
    /// Turns of those who arrive and have to be read something.
    arrivals: Semaphore,
}

/// Streams at a time whose first frame has yet to say who they are.
const UNAUTHENTICATED: usize = 1000;
/// Of these, those of one address.
const UNAUTHENTICATED_BY_ADDRESS: usize = 100;
/// Reads at a time for streams that begin or resume. All clients of a node come back at once: they wait here, where
/// waiting has no end, and leave the store's own queue, where it has, to requests.
const ARRIVALS: usize = 16;

impl App {
    /// Puts the gateway's parts together on the current runtime, as the store says things stand. To be called before
    /// anybody is served, and in a cluster once the hub is told of whatever is committed from now on. `peers` says
    /// how this node stands with the others of its cluster, where there are others.
    pub async fn start(
        chat: Chat,
        hub: Hub,
        tokens: Tokens,
        options: GatewayOptions,
        peers: Option<Arc<dyn Peers>>,
    ) -> chat_core::Result<Self> {
        housekeeping::read_revocations(&chat, &hub).await?;
        let audit = Arc::new(Audit::new());
        tokio::spawn(housekeeping::keep(chat.clone(), hub.clone(), audit.clone()));
        tokio::spawn(housekeeping::tend_feed(chat.clone()));
        tokio::spawn(Comparison::begin(chat.clone(), hub.metrics().skew.clone()).await.keep());
        Ok(Self(Arc::new(Shared {
            devices: Devices::new(tokens.device_key()),
            limits: Limiter::new(&options.rates),
            pages: Pages::new(Answers::new(hub.metrics().answers.clone())),
            audit,
            auth: Authenticator::new(chat.clone(), hub.clone(), tokens),
            slots: Slots::new(options.connections_per_user, options.connections),
            surroundings: Arc::new(Surroundings {
                limits: options.outbox,
                slowest: options.slowest,
                heartbeat: options.heartbeat,
                started: hub.started(),
                metrics: hub.metrics().clone(),
                node: options.node,
            }),
            receipts: Receipts::spawn(chat.clone()),
            probes: Probes::new(chat.clone()),
            peers,
            hub,
            chat,
            options,
            is_draining: AtomicBool::new(false),
            unauthenticated: Arc::new(Semaphore::new(UNAUTHENTICATED)),
            unauthenticated_by_address: Places::new(UNAUTHENTICATED_BY_ADDRESS),
            tickets: tickets::Waiting::default(),
            arrivals: Semaphore::new(ARRIVALS),
        })))
    }

    /// Readiness ends, new streams are refused and every client is asked to reconnect a little later.
    pub async fn drain(&self) {
        self.0.is_draining.store(true, Ordering::Release);
        self.0.hub.close_all().await;
    }

    /// How many WebSocket connections there are.
    pub fn n_connections(&self) -> usize {
        self.0.slots.total()
    }

    /// How many requests were answered so far.
    pub fn n_answered(&self) -> u64 {
        self.hub.metrics().requests.n_answered()
    }

    /// How it stands, in a few words.
    pub fn standing(&self) -> String {
        let what = if self.is_draining() { "ending" } else { "serving" };
        format!("{what}, {} WebSocket connections", self.n_connections())
    }

    /// Resolves once no WebSocket connection is left.
    pub async fn all_closed(&self) {
        self.0.slots.all_free().await;
    }

    /// Writes out what has been collected: confirmations, and who was last seen when.
    pub async fn flush(&self) {
        self.0.receipts.flush().await;
        housekeeping::note_last_seen(&self.0.chat, &self.0.hub).await;
        self.0.audit.say_what_was_left_out();
    }
}

impl Shared {
    /// Reads something for a stream that begins or resumes, when its turn has come.
    pub(crate) async fn in_turn<T>(&self, read: impl Future<Output = T>) -> T {
        // It is never closed; if it were, there would be no turns to wait for.
        let _turn = self.arrivals.acquire().await;
        read.await
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Acquire)
    }
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
