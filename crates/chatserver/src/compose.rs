//! The composition root: chooses the technologies and joins them, in one straight line from settings to a server.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chat_core::{Adapters, Chat, Limits};
use chat_gateway::{
    App, GatewayOptions, Hub, HubParts, Origins, Requests, ServeOptions, Tls, TlsFiles, TokenOptions, Tokens,
};
use prometheus_client::registry::Registry;
use storage::{Database, Storage};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

use crate::adapters::passwords::Argon2Passwords;
use crate::adapters::system_clock::SystemClock;
use crate::watchdog::{Answered, Status};
use crate::{certificate, demo, metrics, secret};

pub(crate) mod storage;

/// Settings of a server.
pub(crate) struct Plan {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Host and port to serve metrics on. `None`: no metrics.
    pub(crate) metrics_address: Option<String>,
    /// Files with the certificate and its key. `None`: connections are not encrypted.
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) database: Database,
    pub(crate) jwt_secret: Option<String>,
    pub(crate) token_lifetime: Duration,
    pub(crate) demo: demo::Wish,
    pub(crate) search: bool,
    pub(crate) limits: Limits,
    /// Origins whose pages may use the server from a browser.
    pub(crate) origins: Origins,
    pub(crate) gateway: GatewayOptions,
    /// Options of the sockets, without the certificate.
    pub(crate) serve: ServeOptions,
}

/// A server that listens but does not serve yet.
pub(crate) struct Server {
    listener: TcpListener,
    app: App,
    storage: Storage,
    tls: Option<Tls>,
    watched: Option<(TcpListener, Registry)>,
    /// Address that it listens on.
    pub(crate) address: SocketAddr,
    /// Address that metrics are served on. `None`: no metrics.
    pub(crate) metrics_address: Option<SocketAddr>,
    /// Copy of the database from before its migration, if it was migrated.
    pub(crate) backup: Option<PathBuf>,
    /// Names of the existing demo users.
    pub(crate) demo_users: Vec<String>,
    offer: Arc<demo::Offer>,
    demo_for_all: bool,
    origins: Origins,
    options: ServeOptions,
}

/// Connections that may wait to be accepted. All clients come back at once after a restart, and a client that finds no
/// room tries again a second later.
const BACKLOG: u32 = 4096;
/// Upper bound for closing all clients' connections.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Connections to the metrics address. Only a few programs read metrics.
const METRICS_CONNECTIONS: usize = 32;

/// Composes a server. It serves nothing yet.
pub(crate) async fn compose(plan: Plan) -> Result<Server> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    // Before the database is made: a database left by a refused start would not count as new at the next.
    let given_secret = secret::given(plan.jwt_secret.as_deref())?;
    let clock = Arc::new(SystemClock);
    let tls = plan.tls.map(|files| Tls::load(files, clock.clone())).transpose()?;
    let listener = bind(&plan.host, plan.port).await?;
    let address = listener.local_addr().context("the listening address is unknown")?;
    let metrics_listener = bind_metrics(plan.metrics_address.as_deref()).await?;
    let prepared = storage::prepare(&plan.database, plan.search, given_secret).await?;
    let hub = Hub::spawn(HubParts {
        shards: cores,
        clock: clock.clone(),
        epoch: prepared.epoch,
        local_members: prepared.local_members(),
        requests: Arc::new(Requests::of(&chat_gateway::openapi())),
    });
    let storage = prepared.open(&hub).await?;
    let tokens = Tokens::new(&TokenOptions { secret: storage.secret.clone(), lifetime: plan.token_lifetime });
    let adapters = Adapters {
        store: storage.store.clone(),
        sink: storage.sink.clone(),
        tickets: storage.tickets.clone(),
        passwords: Arc::new(Argon2Passwords::new(cores / 2)),
        clock,
    };
    let chat = Chat::new(adapters, plan.limits);
    let circumstances = demo::Circumstances {
        wish: plan.demo,
        is_loopback: address.ip().is_loopback(),
        is_new: storage.is_new,
    };
    let demo_users = demo::prepare(&chat, circumstances).await?;
    let offer = Arc::new(demo::Offer::new(chat.clone()));
    let watched = metrics_listener
        .map(|listener| (listener, metrics::registry(&hub, &storage, &plan.serve.counts, tls.as_ref())));
    let metrics_address = watched.as_ref().and_then(|(listener, _)| listener.local_addr().ok());
    let demo_for_all = plan.demo == demo::Wish::Wanted;
    let options = GatewayOptions { node: storage.node, demo_for_all, ..plan.gateway };
    let app =
        App::start(chat, hub, tokens, options, storage.peers()).await.context("the store cannot be read")?;
    let backup = storage.backup.clone();
    Ok(Server {
        listener,
        app,
        storage,
        tls,
        watched,
        address,
        metrics_address,
        backup,
        demo_users,
        offer,
        demo_for_all,
        origins: plan.origins,
        options: plan.serve,
    })
}

async fn bind(host: &str, port: u16) -> Result<TcpListener> {
    listen(host, port).await.with_context(|| {
        format!(
            "cannot listen on {host}:{port}; if the port is in use, stop that program or choose another with --port"
        )
    })
}

async fn bind_metrics(address: Option<&str>) -> Result<Option<TcpListener>> {
    let Some(address) = address else { return Ok(None) };
    let bound = TcpListener::bind(address).await.with_context(|| {
        format!("METRICS_ADDRESS: cannot listen on {address}; name an address and a free port, such as 127.0.0.1:9090")
    })?;
    Ok(Some(bound))
}

async fn listen(host: &str, port: u16) -> std::io::Result<TcpListener> {
    let mut refused = std::io::ErrorKind::AddrNotAvailable.into();
    for address in tokio::net::lookup_host((host, port)).await? {
        match listen_at(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

fn listen_at(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As `TcpListener::bind` does. On Windows it would let another program take the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Server {
    /// URL under which clients reach it.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Returns a function that describes the server's status, for the watchdog, which runs outside the runtime.
    pub(crate) fn status(&self) -> Status {
        let app = self.app.clone();
        Box::new(move || app.status())
    }

    /// Returns a function that counts the requests answered so far, also for the watchdog.
    pub(crate) fn answered(&self) -> Answered {
        let app = self.app.clone();
        Box::new(move || app.n_answered())
    }

    /// Serves until `shutdown` resolves, then closes in this order: streams, requests, confirmations, the database.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>, hangups: watch::Receiver<()>) {
        let Self { listener, app, storage, tls, watched, offer, demo_for_all, origins, options, .. } = self;
        if let Some(tls) = &tls {
            tokio::spawn(certificate::keep(tls.clone(), hangups));
        }
        if let Some((listener, registry)) = watched {
            tokio::spawn(serve_metrics(listener, chat_gateway::metrics_router(app.clone(), registry)));
        }
        let draining = app.clone();
        let shutdown = async move {
            shutdown.await;
            tracing::info!("shutting down: asking {} clients to reconnect", draining.n_connections());
            draining.drain().await;
        };
        let pages = chat_web::router(env!("CARGO_PKG_VERSION"), &origins.listed(), move |headers, uri| {
            let offer = offer.clone();
            let may_try = demo_for_all || chat_gateway::is_from_this_machine(&headers, &uri);
            async move { if may_try { offer.users().await } else { Vec::new() } }
        });
        let router = chat_gateway::router(app.clone(), pages, origins);
        let options = ServeOptions { tls, ..options };
        chat_gateway::serve(listener, router, options, shutdown).await;
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, app.all_closed()).await;
        app.flush().await;
        if let Err(error) = storage.close().await {
            tracing::error!(error = %error, "the database will be recovered at the next start");
        }
        tracing::info!("stopped");
    }
}

/// Serves metrics until the process ends, so that the shutdown can be observed too.
async fn serve_metrics(listener: TcpListener, router: chat_gateway::Router) {
    let options = ServeOptions { connections: METRICS_CONNECTIONS, ..ServeOptions::default() };
    chat_gateway::serve(listener, router, options, std::future::pending()).await;
}
