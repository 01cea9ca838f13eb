//! State that all handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chat_core::Chat;
use chat_core::cluster::Peers;
use tokio::sync::Semaphore;

use crate::address_slots::AddressSlots;
use crate::answers::Answers;
use crate::audit::Audit;
use crate::auth::Authenticator;
use crate::clock::Comparison;
use crate::devices::Devices;
use crate::housekeeping::{self, ClockWatch};
use crate::hub::{ConnectionContext, Hub, Slots};
use crate::limits::Limiter;
use crate::pages::Pages;
use crate::probe::Probes;
use crate::receipts::Receipts;
use crate::{GatewayOptions, Tokens, tickets};

/// The gateway's state; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// Parts of the gateway's state, for its own modules.
pub struct Shared {
    pub(crate) chat: Chat,
    pub(crate) hub: Hub,
    pub(crate) auth: Authenticator,
    pub(crate) slots: Slots,
    /// Context that all connections share.
    pub(crate) connection_context: Arc<ConnectionContext>,
    pub(crate) receipts: Receipts,
    /// Checks whether a durable write would succeed now.
    pub(crate) probes: Arc<Probes>,
    pub(crate) limits: Limiter,
    pub(crate) audit: Arc<Audit>,
    pub(crate) devices: Devices,
    pub(crate) pages: Pages,
    /// `None` outside a cluster.
    pub(crate) peers: Option<Arc<dyn Peers>>,
    pub(crate) options: GatewayOptions,
    is_draining: AtomicBool,
    /// Slots for streams that have not authenticated yet.
    pub(crate) unauthenticated: Arc<Semaphore>,
    /// Such streams per address.
    pub(crate) unauthenticated_by_address: Arc<AddressSlots>,
    /// Unused tickets.
    pub(crate) tickets: tickets::Waiting,
    /// Permits for reads of streams that start or resume.
    arrivals: Semaphore,
    /// Permits for the pages after the first of streams that resume.
    long_resumes: Semaphore,
}

/// Unauthenticated streams at a time, on this server.
const UNAUTHENTICATED: usize = 1000;
/// Unauthenticated streams at a time, per address.
const UNAUTHENTICATED_BY_ADDRESS: usize = 100;
/// Reads at a time for streams that start or resume. All clients of a node may come back at once. They wait here
/// without a time limit and leave the store's queue, which has one, to requests.
const ARRIVALS: usize = 16;
/// Pages at a time for streams that resume from so far back that one page is not enough. They take turns page by page,
/// and streams that start do not wait for them.
const LONG_RESUMES: usize = 4;

impl App {
    /// Assembles the gateway on the current runtime and loads the revocations from the store. Call it before serving
    /// anybody; in a cluster, after the hub has begun to receive committed events. `peers` reports the state of this
    /// node's connection to its cluster.
    pub async fn start(
        chat: Chat,
        hub: Hub,
        tokens: Tokens,
        options: GatewayOptions,
        peers: Option<Arc<dyn Peers>>,
    ) -> chat_core::Result<Self> {
        let clock = ClockWatch::begin(chat.clone());
        housekeeping::read_revocations(&chat, &hub).await?;
        let audit = Arc::new(Audit::new());
        tokio::spawn(housekeeping::run(clock, hub.clone(), audit.clone()));
        tokio::spawn(housekeeping::tend_feed(chat.clone()));
        tokio::spawn(Comparison::begin(chat.clone(), hub.metrics().skew.clone()).await.run());
        Ok(Self(Arc::new(Shared {
            devices: Devices::new(tokens.device_key()),
            limits: Limiter::new(&options.rates),
            pages: Pages::new(Answers::new(hub.metrics().answers.clone())),
            audit,
            auth: Authenticator::new(chat.clone(), hub.clone(), tokens),
            slots: Slots::new(options.connections_per_user, options.connections),
            connection_context: Arc::new(ConnectionContext {
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
            unauthenticated_by_address: AddressSlots::new(UNAUTHENTICATED_BY_ADDRESS),
            tickets: tickets::Waiting::default(),
            arrivals: Semaphore::new(ARRIVALS),
            long_resumes: Semaphore::new(LONG_RESUMES),
        })))
    }

    /// Ends readiness, refuses new streams and asks every client to reconnect a little later.
    pub async fn drain(&self) {
        self.0.is_draining.store(true, Ordering::Release);
        self.0.hub.close_all().await;
    }

    /// Number of WebSocket connections.
    pub fn n_connections(&self) -> usize {
        self.0.slots.total()
    }

    /// Number of requests answered so far.
    pub fn n_answered(&self) -> u64 {
        self.hub.metrics().requests.n_answered()
    }

    /// State in a few words, for the operator.
    pub fn status(&self) -> String {
        let what = if self.is_draining() { "ending" } else { "serving" };
        format!("{what}, {} WebSocket connections", self.n_connections())
    }

    /// Resolves once no WebSocket connection is left.
    pub async fn all_closed(&self) {
        self.0.slots.all_free().await;
    }

    /// Stores the collected confirmations and last-seen times.
    pub async fn flush(&self) {
        self.0.receipts.flush().await;
        housekeeping::note_last_seen(&self.0.chat, &self.0.hub).await;
        self.0.audit.log_left_out();
    }
}

impl Shared {
    /// Runs a read for a stream that starts or resumes, when a permit is free.
    pub(crate) async fn in_turn<T>(&self, read: impl Future<Output = T>) -> T {
        // The semaphore is never closed; if it were, the read would run without a permit.
        let _turn = self.arrivals.acquire().await;
        read.await
    }

    /// Runs the read of one page for a stream that resumes, when a permit is free.
    pub(crate) async fn in_page_turn<T>(&self, is_first: bool, read: impl Future<Output = T>) -> T {
        if is_first {
            return self.in_turn(read).await;
        }
        let _turn = self.long_resumes.acquire().await;
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
