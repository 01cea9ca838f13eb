//! The way to one host: how a session begins there. Which of several hosts is taken is said elsewhere.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::fault::{Fault, Result};
use crate::home::Home;
use crate::hosts;
use crate::race::{self, Refusals};

/// What every session begins with. An acknowledged write has to be on disk. A lock that is not to be had must not hold up
/// those who wait; and whoever is paused or cut off in the middle of a transaction must let go of the log before the other
/// nodes are tired of waiting for it.
/// Statements are short and always the same, so compiling them, or planning them anew each time, takes longer than they do.
/// A plan that is kept was made when the tables were small, and has to stay good when they are not: each row is found
/// by an index, and what belongs to it one by one.
/// Writers wait for each other at the log's row and then read what the one before has written; whatever the role or the
/// database has set otherwise would have all but the first refused.
const BEGINNING: &str = "SET synchronous_commit = on; SET lock_timeout = '1s'; SET statement_timeout = '5s'; \
                         SET idle_in_transaction_session_timeout = '1500ms'; SET jit = off; \
                         SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
                         SET enable_hashjoin = off; SET enable_mergejoin = off; SET client_min_messages = warning; \
                         SET default_transaction_isolation = 'read committed'; SET timezone = 'UTC'";

/// What the sessions of servers are called.
pub(crate) const SERVER: &str = "chatserver";

/// How long a host may take to let a session begin.
const LIMIT: Duration = Duration::from_secs(3);

/// One host, and how a session begins there.
#[derive(Clone)]
pub(crate) struct Way {
    config: Config,
    /// Where connections may be encrypted.
    tls: Option<MakeRustlsConnect>,
    /// What every session begins with.
    beginning: String,
}

impl Way {
    /// Of an address with one host, which says whether connections are encrypted.
    pub(crate) fn new(mut config: Config, connector: &MakeRustlsConnect) -> Self {
        config.application_name(SERVER);
        config.connect_timeout(LIMIT);
        config.keepalives_idle(Duration::from_secs(10));
        config.keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(2);
        // A server that cannot be reached any more is noticed even while something is on its way to it.
        config.tcp_user_timeout(Duration::from_secs(5));
        // What goes through a file of this machine is never encrypted, and its server has no name to check.
        let is_local = config.get_hosts().first().is_some_and(|host| !matches!(host, Host::Tcp(_)));
        if is_local {
            config.ssl_mode(SslMode::Disable);
        }
        let tls = (config.get_ssl_mode() != SslMode::Disable).then(|| connector.clone());
        Self { config, tls, beginning: BEGINNING.into() }
    }

    pub(crate) fn call(&mut self, name: &str) {
        self.config.application_name(name);
    }

    pub(crate) fn lead_to(&mut self, home: &Home) {
        self.beginning =
            [Some(BEGINNING.to_owned()), home.path()].into_iter().flatten().collect::<Vec<_>>().join("; ");
    }

    pub(crate) fn database(&self) -> Option<&str> {
        self.config.get_dbname()
    }

    pub(crate) fn host(&self) -> String {
        hosts::describe(&self.config)
    }

    /// A new connection, driven by the current runtime.
    pub(crate) async fn begin(self) -> Result<Client> {
        let begun = timeout(LIMIT, async {
            let places = self.places().await?;
            let mut refusals = Refusals::new();
            let order = (0..places.len()).collect();
            let begin = |number: usize| places[number].clone().session();
            match race::first(order, begin, &mut refusals).await {
                Some((_, client)) => Ok(client),
                None => Err(refusals.pop_last().map_or_else(silent, |(_, fault)| fault)),
            }
        });
        begun.await.unwrap_or_else(|_| Err(silent()))
    }

    /// The same for each address that the host's name has, of which some may be off.
    async fn places(self) -> Result<Vec<Self>> {
        let named = match (self.config.get_hosts(), self.config.get_hostaddrs()) {
            ([Host::Tcp(name)], []) => Some(name.clone()),
            _ => None,
        };
        let Some(name) = named else { return Ok(vec![self]) };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let at = |address: SocketAddr| {
            let mut place = self.clone();
            place.config.hostaddr(address.ip());
            place
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
        client.batch_execute(&self.beginning).await?;
        Ok(client)
    }
}

/// The addresses of a name. They are looked up on a thread that nobody waits for: a name server that says nothing is waited
/// for by the system, for longer than by us, and a runtime does not end before it.
async fn addresses(name: String, port: u16) -> Result<Vec<SocketAddr>> {
    let (tell, told) = oneshot::channel();
    let look_up = move || drop(tell.send((name.as_str(), port).to_socket_addrs().map(Vec::from_iter)));
    let thread = std::thread::Builder::new().name("postgres-name".into()).spawn(look_up);
    thread.map_err(|error| Fault::Broken(error.to_string()))?;
    let reason = match told.await {
        Ok(Ok(addresses)) if !addresses.is_empty() => return Ok(addresses),
        Ok(Ok(_)) | Err(_) => "no address is known for its name".to_owned(),
        Ok(Err(error)) => format!("no address is known for its name: {error}"),
    };
    Err(Fault::Broken(reason))
}

fn silent() -> Fault {
    Fault::Broken(format!("it accepts no session within {} seconds", LIMIT.as_secs()))
}
