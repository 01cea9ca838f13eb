//! The composition root: one straight line from settings to a server, where technologies are chosen and joined.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chat_core::{Adapters, Chat, Limits};
use chat_gateway::{App, GatewayOptions, Hub, MemoryTickets, ServeOptions, TokenOptions, Tokens};
use chat_sqlite::{Opened, Options, Sqlite};
use tokio::net::{TcpListener, TcpSocket};

use crate::adapters::passwords::Argon2Passwords;
use crate::adapters::system_clock::SystemClock;
use crate::{demo, secret};

/// All that the composition needs to know.
pub(crate) struct Plan {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: PathBuf,
    pub(crate) jwt_secret: Option<String>,
    pub(crate) token_lifetime: Duration,
    pub(crate) demo: bool,
    pub(crate) search: bool,
    pub(crate) gateway: GatewayOptions,
}

/// A server that is ready to serve.
pub(crate) struct Server {
    listener: TcpListener,
    app: App,
    store: Arc<Sqlite>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The copy of the database from before its migration, if it was migrated.
    pub(crate) backup: Option<PathBuf>,
    /// The demo users who can log in.
    pub(crate) demo_users: Vec<&'static str>,
}

/// Connections that may wait to be accepted. All clients of a server come back at once when it has been restarted, and
/// whoever finds no room tries again a second later.
const BACKLOG: u32 = 4096;
/// How long clients get to take their leave.
const FAREWELL: Duration = Duration::from_secs(3);

/// Puts a server together. Nothing is served yet.
pub(crate) async fn compose(plan: Plan) -> Result<Server> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    // Before the database is made: one that a refused start left behind would not be new at the next.
    let given_secret = secret::given(plan.jwt_secret.as_deref())?;
    let listener = bind(&plan.host, plan.port).await?;
    let address = listener.local_addr().context("the listening address is unknown")?;
    let hub = Hub::spawn(cores, Arc::new(SystemClock));
    let options = Options { path: plan.database.clone(), readers: cores.clamp(2, 8), search: plan.search };
    let Opened { store, is_new, backup } = Sqlite::open(&options, hub.sink())?;
    let secret = match given_secret {
        Some(secret) => secret,
        None => secret::kept(&plan.database)?,
    };
    let tokens = Tokens::new(&TokenOptions { secret, lifetime: plan.token_lifetime });
    let store = Arc::new(store);
    let adapters = Adapters {
        store: store.clone(),
        sink: hub.sink(),
        tickets: Arc::new(MemoryTickets::default()),
        passwords: Arc::new(Argon2Passwords::new(cores / 2)),
        clock: Arc::new(SystemClock),
    };
    let chat = Chat::new(adapters, Limits::default());
    let circumstances =
        demo::Circumstances { wanted: plan.demo, is_loopback: address.ip().is_loopback(), is_new };
    let demo_users = demo::prepare(&chat, circumstances).await?;
    let app = App::start(chat, hub, tokens, plan.gateway, None).await.context("the store cannot be read")?;
    Ok(Server { listener, app, store, address, backup, demo_users })
}

async fn bind(host: &str, port: u16) -> Result<TcpListener> {
    listen(host, port).await.with_context(|| {
        format!(
            "cannot listen on {host}:{port}; if the port is in use, stop that program or choose another with --port"
        )
    })
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
    // As the runtime's own way of binding does; on Windows it would let another program take the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Server {
    /// Serves until `shutdown` resolves, then lets go in order: streams, requests, confirmations, the database.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, app, store, .. } = self;
        let draining = app.clone();
        let shutdown = async move {
            shutdown.await;
            tracing::info!("shutting down: asking {} clients to reconnect", draining.n_connections());
            draining.drain().await;
        };
        let router = chat_gateway::router(app.clone());
        chat_gateway::serve(listener, router, ServeOptions::default(), shutdown).await;
        let _ = tokio::time::timeout(FAREWELL, app.all_closed()).await;
        app.flush().await;
        let closed = tokio::task::spawn_blocking(move || store.close()).await;
        if closed.is_err() {
            tracing::error!("the database was not closed in order; it will be recovered at the next start");
        }
        tracing::info!("stopped");
    }
}
