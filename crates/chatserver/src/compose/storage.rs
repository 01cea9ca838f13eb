//! Chooses the database engine and, in a cluster, what connects this node to the others.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chat_core::access::TicketStore;
use chat_core::cluster::{Journal as _, LocalMembers, NodeId, Peers};
use chat_core::ports::{EventSink, Store};
use chat_core::sync::{Epoch, SyncStore as _};
use chat_gateway::{Hub, MemoryTickets};
use chat_nats::{NatsBus, NatsOptions};
use chat_postgres::{Postgres, PostgresJournal};
use chat_relay::{Bus as _, BusOptions, Metrics as RelayMetrics, Parts, Relay, draw_node_id};
use chat_sqlite::{Opened, Sqlite};
use prometheus_client::registry::Registry;
use tokio::time::{sleep, timeout};

use crate::secret;

/// How long a starting node waits for the bus. Without the bus, typing and presence of its first moments would reach
/// nobody.
const BUS_TIMEOUT: Duration = Duration::from_secs(1);
/// How long it then waits for the other nodes to announce their connected users, which they do every 250 ms.
const PRESENCE_TIMEOUT: Duration = Duration::from_millis(300);
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// Number of attempts of the first read, which waits for a database session. Each attempt takes some seconds.
const FIRST_READ_ATTEMPTS: usize = 5;

/// Where the data is stored.
#[derive(Clone)]
pub(crate) enum Database {
    /// A SQLite file of this server alone.
    File(PathBuf),
    /// A PostgreSQL database, which other nodes may share.
    Shared(Shared),
}

/// A shared database and the bus between the nodes that use it.
#[derive(Clone)]
pub(crate) struct Shared {
    /// `postgres://...`
    pub(crate) url: String,
    /// The address comes from a file `.env`, which may be meant for another program.
    pub(crate) url_is_found: bool,
    /// Schema with the tables. `None`: the one that the database has, or the usual one.
    pub(crate) schema: Option<String>,
    /// Connections for reading.
    pub(crate) connections: usize,
    /// `nats://...`. `None`: nodes read each other's events from the database.
    pub(crate) nats: Option<String>,
    /// First level or levels of this cluster's subjects.
    pub(crate) prefix: String,
    pub(crate) nats_files: NatsFiles,
}

/// Files to authenticate with NATS, and the authorities to trust.
#[derive(Clone, Default)]
pub(crate) struct NatsFiles {
    pub(crate) nkey: Option<PathBuf>,
    pub(crate) credentials: Option<PathBuf>,
    pub(crate) authorities: Option<PathBuf>,
}

impl NatsFiles {
    /// Returns the name of the first setting that is given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let all = [
            (&self.nkey, "NATS_NKEY_FILE"),
            (&self.credentials, "NATS_CREDS_FILE"),
            (&self.authorities, "NATS_CA_FILE"),
        ];
        all.into_iter().find(|(file, _)| file.is_some()).map(|(_, setting)| setting)
    }
}

impl Database {
    /// Returns the SQLite file's path. `None` for PostgreSQL.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Shared(_) => None,
        }
    }

    /// Describes the database for a person, without any password.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Shared(shared) => chat_postgres::describe(&shared.url),
        }
    }
}

/// An open database and, in a cluster, the connection to the other nodes.
pub(crate) struct Storage {
    pub(crate) store: Arc<dyn Store>,
    /// Receiver of events: this node's clients and, in a cluster, the other nodes.
    pub(crate) sink: Arc<dyn EventSink>,
    pub(crate) tickets: Arc<dyn TicketStore>,
    pub(crate) secret: Vec<u8>,
    /// Whether this start created the tables.
    pub(crate) is_new: bool,
    /// The copy of the database from before its migration, if it was migrated.
    pub(crate) backup: Option<PathBuf>,
    /// Id of this node in its cluster. `None` outside a cluster.
    pub(crate) node: Option<NodeId>,
    engine: Engine,
}

enum Engine {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>, Link),
}

/// Connection of this node to the others.
struct Link {
    relay: Relay,
    metrics: RelayMetrics,
    nats: Option<Arc<NatsBus>>,
}

/// A database that was found or made, and the connection to the other nodes. Nothing is served yet.
pub(crate) struct Prepared {
    secret: Vec<u8>,
    /// Epoch of the database's log.
    pub(crate) epoch: Epoch,
    engine: PreparedEngine,
}

enum PreparedEngine {
    Sqlite(Box<chat_sqlite::Prepared>),
    Postgres(Box<PreparedNode>),
}

/// One of several nodes that share a database.
struct PreparedNode {
    database: chat_postgres::Prepared,
    node: NodeId,
    link: PreparedLink,
}

struct PreparedLink {
    relay: chat_relay::Prepared,
    metrics: RelayMetrics,
    nats: Option<Arc<NatsBus>>,
}

/// Finds or makes the database. `given_secret` is the operator's key. Without one, the database's own is used.
pub(crate) async fn prepare(
    database: &Database,
    search: bool,
    given_secret: Option<Vec<u8>>,
) -> Result<Prepared> {
    match database {
        Database::File(path) => prepare_file(path, search, given_secret),
        Database::Shared(shared) => prepare_shared(shared, search, given_secret).await,
    }
}

fn prepare_file(path: &Path, search: bool, given_secret: Option<Vec<u8>>) -> Result<Prepared> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let options = chat_sqlite::Options { path: path.to_owned(), readers: cores.clamp(2, 8), search };
    let prepared = Sqlite::prepare(&options)?;
    let secret = match given_secret {
        Some(secret) => secret,
        None => secret::kept(path, prepared.is_new)?,
    };
    Ok(Prepared { secret, epoch: prepared.epoch(), engine: PreparedEngine::Sqlite(Box::new(prepared)) })
}

async fn prepare_shared(shared: &Shared, search: bool, given_secret: Option<Vec<u8>>) -> Result<Prepared> {
    let options = chat_postgres::Options {
        url: shared.url.clone(),
        schema: shared.schema.clone(),
        is_found: shared.url_is_found,
        readers: shared.connections,
        search,
    };
    let prepare = move || -> Result<_> {
        let prepared = Postgres::prepare(&options)?;
        let secret = match given_secret {
            Some(secret) => secret,
            // All nodes have to accept each other's tokens, so the key is kept where all of them find it.
            None => prepared.kept_secret(&secret::draw()?)?.into_bytes(),
        };
        Ok((prepared, secret))
    };
    let node = draw_node_id()?;
    let (database, secret) = tokio::task::spawn_blocking(prepare).await??;
    let epoch = database.epoch();
    let (database, link) = or_drop(database, connect(shared, epoch, node).await).await?;
    let node = PreparedNode { database, node, link };
    Ok(Prepared { secret, epoch, engine: PreparedEngine::Postgres(Box::new(node)) })
}

/// Returns both, or drops the database on a blocking thread and returns the error. A database session may not end on a
/// thread of the runtime, because closing it blocks.
async fn or_drop<T>(
    database: chat_postgres::Prepared,
    done: Result<T>,
) -> Result<(chat_postgres::Prepared, T)> {
    match done {
        Ok(done) => Ok((database, done)),
        Err(error) => {
            tokio::task::spawn_blocking(move || drop(database)).await?;
            Err(error)
        }
    }
}

/// Connects to the bus, if one is set, and prepares this node's relay.
async fn connect(shared: &Shared, epoch: Epoch, node: NodeId) -> Result<PreparedLink> {
    let (mut nats, mut bus) = (None, None);
    if let Some(servers) = &shared.nats {
        let (inbox, incoming) = chat_relay::inbox::channel();
        let name = format!("chatserver {:016x}", node.0);
        let files = shared.nats_files.clone();
        let options = NatsOptions {
            servers: servers.clone(),
            prefix: shared.prefix.clone(),
            epoch,
            name,
            nkey: files.nkey,
            credentials: files.credentials,
            authorities: files.authorities,
        };
        let connected = NatsBus::connect(options, inbox).await;
        let connected = Arc::new(connected.context("the connection to NATS is misconfigured")?);
        nats = Some(connected.clone());
        bus = Some((connected as Arc<dyn chat_relay::Bus>, incoming));
    }
    let metrics = RelayMetrics::default();
    let options = BusOptions { bus, epoch, metrics: metrics.clone() };
    Ok(PreparedLink { relay: chat_relay::Prepared::new(node, options), metrics, nats })
}

impl Prepared {
    /// Returns the observer of this node's connected users. `None` outside a cluster.
    pub(crate) fn local_members(&self) -> Option<Arc<dyn LocalMembers>> {
        match &self.engine {
            PreparedEngine::Sqlite(_) => None,
            PreparedEngine::Postgres(node) => Some(node.link.relay.local_members()),
        }
    }

    /// Opens the database, whose commits go to this hub from now on, and joins the other nodes.
    pub(crate) async fn open(self, hub: &Hub) -> Result<Storage> {
        let Self { secret, engine, .. } = self;
        match engine {
            PreparedEngine::Sqlite(prepared) => open_file(*prepared, secret, hub),
            PreparedEngine::Postgres(node) => open_shared(*node, secret, hub).await,
        }
    }
}

fn open_file(prepared: chat_sqlite::Prepared, secret: Vec<u8>, hub: &Hub) -> Result<Storage> {
    let Opened { store, is_new, backup } = prepared.open(hub.sink())?;
    let store = Arc::new(store);
    Ok(Storage {
        store: store.clone(),
        sink: hub.sink(),
        tickets: Arc::new(MemoryTickets::default()),
        secret,
        is_new,
        backup,
        node: None,
        engine: Engine::Sqlite(store),
    })
}

async fn open_shared(prepared: PreparedNode, secret: Vec<u8>, hub: &Hub) -> Result<Storage> {
    let PreparedNode { database, node, link } = prepared;
    let is_new = database.is_new;
    let journal = database.journal();
    let joined = async { join(link, journal?, hub).await };
    let (database, link) = or_drop(database, joined.await).await?;
    let sink = link.relay.sink();
    // Opening drops what the preparation leaves behind, including a database session, whose end blocks the thread.
    let opening = tokio::task::spawn_blocking(move || database.open(sink));
    let (opened, ()) = tokio::join!(opening, settle(&link));
    let store = Arc::new(opened??);
    first_session(async || store.log_end().await).await;
    Ok(Storage {
        store: store.clone(),
        sink: link.relay.sink(),
        tickets: store.clone(),
        secret,
        is_new,
        backup: None,
        node: Some(node),
        engine: Engine::Postgres(store, link),
    })
}

/// Joins the other nodes. It starts at the journal's end, so it must precede all commits of this node.
async fn join(link: PreparedLink, journal: PostgresJournal, hub: &Hub) -> Result<Link> {
    let PreparedLink { relay, metrics, nats } = link;
    first_session(async || journal.end().await).await;
    let (dismissing, turning) = (hub.clone(), hub.clone());
    let parts = Parts {
        journal: Arc::new(journal),
        hub: hub.sink(),
        presence_registry: hub.presence_registry(),
        all_clients_resume: Box::new(move || dismissing.all_clients_resume()),
        set_epoch: Box::new(move |epoch| turning.set_epoch(epoch)),
    };
    let relay = relay.start(parts).await.context("the journal cannot be read")?;
    Ok(Link { relay, metrics, nats })
}

/// Reads until the first database session is open: with a distant server that takes longer than a read waits. Other
/// errors are left to the next read.
async fn first_session<T>(read: impl AsyncFn() -> chat_core::Result<T>) {
    for _ in 0..FIRST_READ_ATTEMPTS {
        if !matches!(read().await, Err(chat_core::Error::Overloaded)) {
            return;
        }
    }
}

/// Waits for the bus and for the other nodes' answers. A node that cannot reach NATS is ready without it.
async fn settle(link: &Link) {
    let Some(bus) = &link.nats else { return };
    if timeout(BUS_TIMEOUT, wait_until(|| bus.is_up())).await.is_ok() {
        let _ =
            timeout(PRESENCE_TIMEOUT, wait_until(|| bus.is_alone() || link.relay.has_met_the_others())).await;
    }
}

async fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        sleep(POLL_INTERVAL).await;
    }
}

impl Storage {
    /// Returns the other nodes' interface. `None` outside a cluster.
    pub(crate) fn peers(&self) -> Option<Arc<dyn Peers>> {
        match &self.engine {
            Engine::Sqlite(_) => None,
            Engine::Postgres(_, Link { relay, .. }) => Some(relay.peers()),
        }
    }

    pub(crate) fn register_metrics(&self, registry: &mut Registry) {
        match &self.engine {
            Engine::Sqlite(store) => store.register_metrics(registry),
            Engine::Postgres(store, link) => {
                store.register_metrics(registry);
                link.metrics.register(registry, link.nats.is_some());
            }
        }
    }

    /// Writes out the queue, closes the database and leaves the other nodes.
    ///
    /// # Errors
    /// The database was not closed cleanly.
    pub(crate) async fn close(self) -> Result<()> {
        let (closed, link) = match self.engine {
            Engine::Sqlite(store) => (tokio::task::spawn_blocking(move || store.close()).await, None),
            Engine::Postgres(store, link) => {
                (tokio::task::spawn_blocking(move || store.close()).await, Some(link))
            }
        };
        if let Some(Link { relay, nats, .. }) = link {
            relay.close().await;
            if let Some(nats) = nats {
                nats.flush().await;
            }
        }
        if closed.is_err() {
            bail!("the database was not closed cleanly");
        }
        Ok(())
    }
}
