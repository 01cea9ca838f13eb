//! One host of the address: how to connect to it. The choice among several hosts is made elsewhere.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::fault::{Fault, Result};
use crate::home::HomeSchema;
use crate::hosts;
use crate::race::{self, Refusals};

/// The settings of every session.
///
/// * An acknowledged write must be on disk.
/// * A lock that is not free must not hold up waiting writes. A client that is paused or cut off in the
///   middle of a transaction must release the log before the other nodes' wait times out.
/// * Statements are short and always the same, so compiling them, or planning them again each time, takes
///   longer than running them.
/// * A cached plan was made while the tables were small and must stay good when they are large: each row is
///   found by an index, and joined rows one by one.
/// * Writers wait for each other at the log's row and then read what the previous one has written. With
///   another isolation level, which the role or the database may have set, all but the first would fail.
const SESSION_SETTINGS: &str = "SET synchronous_commit = on; SET lock_timeout = '1s'; SET statement_timeout = '5s'; \
                         SET idle_in_transaction_session_timeout = '1500ms'; SET jit = off; \
                         SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
                         SET enable_hashjoin = off; SET enable_mergejoin = off; SET client_min_messages = warning; \
                         SET default_transaction_isolation = 'read committed'; SET timezone = 'UTC'";

/// Application name of the servers' sessions.
pub(crate) const SERVER: &str = "chatserver";

/// Upper bound for the time in which a host must accept a session.
const SESSION_LIMIT: Duration = Duration::from_secs(3);

/// One host, and the settings of its sessions.
#[derive(Clone)]
pub(crate) struct Endpoint {
    config: Config,
    /// `None` if connections are not encrypted.
    tls: Option<MakeRustlsConnect>,
    /// Statements that every session begins with.
    session_settings: String,
}

impl Endpoint {
    /// Takes an address with one host, which says whether connections are encrypted.
    pub(crate) fn new(mut config: Config, connector: &MakeRustlsConnect) -> Self {
        config.application_name(SERVER);
        config.connect_timeout(SESSION_LIMIT);
        config.keepalives_idle(Duration::from_secs(10));
        config.keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(2);
        // Notices an unreachable server even while data is on its way to it.
        config.tcp_user_timeout(Duration::from_secs(5));
        // Connections through a local socket file are never encrypted, and their server has no name to check.
        let is_local = config.get_hosts().first().is_some_and(|host| !matches!(host, Host::Tcp(_)));
        if is_local {
            config.ssl_mode(SslMode::Disable);
        }
        let tls = (config.get_ssl_mode() != SslMode::Disable).then(|| connector.clone());
        Self { config, tls, session_settings: SESSION_SETTINGS.into() }
    }

    pub(crate) fn set_application_name(&mut self, name: &str) {
        self.config.application_name(name);
    }

    pub(crate) fn use_schema(&mut self, home: &HomeSchema) {
        self.session_settings = [Some(SESSION_SETTINGS.to_owned()), home.path()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("; ");
    }

    pub(crate) fn database(&self) -> Option<&str> {
        self.config.get_dbname()
    }

    pub(crate) fn host(&self) -> String {
        hosts::describe(&self.config)
    }

    /// Opens a connection that the current runtime drives.
    pub(crate) async fn begin(self) -> Result<Client> {
        let session = timeout(SESSION_LIMIT, async {
            let per_address = self.per_address().await?;
            let mut refusals = Refusals::new();
            let order = (0..per_address.len()).collect();
            let begin = |number: usize| per_address[number].clone().session();
            match race::first(order, begin, &mut refusals).await {
                Some((_, client)) => Ok(client),
                None => Err(refusals.pop_last().map_or_else(no_session, |(_, fault)| fault)),
            }
        });
        session.await.unwrap_or_else(|_| Err(no_session()))
    }

    /// Returns one endpoint for each address of the host's name, because some of them may be unreachable.
    async fn per_address(self) -> Result<Vec<Self>> {
        let named = match (self.config.get_hosts(), self.config.get_hostaddrs()) {
            ([Host::Tcp(name)], []) => Some(name.clone()),
            _ => None,
        };
        let Some(name) = named else { return Ok(vec![self]) };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let at = |address: SocketAddr| {
            let mut endpoint = self.clone();
            endpoint.config.hostaddr(address.ip());
            endpoint
        };
        Ok(addresses(name, port).await?.into_iter().map(at).collect())
    }

    async fn session(self) -> Result<Client> {
        let client = match self.tls {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls).await?;
                tokio::spawn(connection);
                client
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                tokio::spawn(connection);
                client
            }
        };
        client.batch_execute(&self.session_settings).await?;
        Ok(client)
    }
}

/// Resolves a name, on a thread that nobody waits for. The system waits for a silent name server longer than
/// this code does, and a runtime does not end before its own blocking threads.
async fn addresses(name: String, port: u16) -> Result<Vec<SocketAddr>> {
    let (sender, result) = oneshot::channel();
    let look_up = move || drop(sender.send((name.as_str(), port).to_socket_addrs().map(Vec::from_iter)));
    let thread = std::thread::Builder::new().name("postgres-name".into()).spawn(look_up);
    thread.map_err(|error| Fault::Broken(error.to_string()))?;
    let reason = match result.await {
        Ok(Ok(addresses)) if !addresses.is_empty() => return Ok(addresses),
        Ok(Ok(_)) | Err(_) => "no address is known for its name".to_owned(),
        Ok(Err(error)) => format!("no address is known for its name: {error}"),
    };
    Err(Fault::Broken(reason))
}

fn no_session() -> Fault {
    Fault::Broken(format!("it accepts no session within {} seconds", SESSION_LIMIT.as_secs()))
}
