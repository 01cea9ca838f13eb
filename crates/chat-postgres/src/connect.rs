//! Where the database is and how connections to it begin.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::encryption;
use crate::fault::{Result, explained};
use crate::home::Home;
use crate::hosts;
use crate::lineage::Lineage;
use crate::open::OpenError;

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

/// The database's address.
#[derive(Clone)]
pub(crate) struct Address {
    config: Config,
    /// Where connections may be encrypted.
    tls: Option<MakeRustlsConnect>,
    /// What every session begins with.
    beginning: String,
    /// Which log a session has to have before it; `None` while nothing is served.
    lineage: Option<Arc<Lineage>>,
}

impl Address {
    /// Reads `postgres://...`, and the file with authorities that it may name.
    pub(crate) fn parse(url: &str) -> std::result::Result<Self, OpenError> {
        let (rest, wish) = encryption::taken_from(url)?;
        let mut config: Config = rest.parse().map_err(|error| OpenError::Address(explained(&error)))?;
        hosts::settle(&mut config)?;
        config.application_name(SERVER);
        config.connect_timeout(Duration::from_secs(3));
        config.keepalives_idle(Duration::from_secs(10));
        config.keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(2);
        // A server that cannot be reached any more is noticed even while something is on its way to it.
        config.tcp_user_timeout(Duration::from_secs(5));
        let mode = wish.mode(config.get_ssl_mode());
        config.ssl_mode(mode.for_driver());
        let connector = wish.connector(mode)?;
        // What goes through a file of this machine is never encrypted, and its server has no name to check.
        let hosts = config.get_hosts();
        let is_local = !hosts.is_empty() && hosts.iter().all(|host| !matches!(host, Host::Tcp(_)));
        if is_local {
            config.ssl_mode(SslMode::Disable);
        }
        let tls = (config.get_ssl_mode() != SslMode::Disable).then_some(connector);
        Ok(Self { config, tls, beginning: BEGINNING.into(), lineage: None })
    }

    /// The same for a program that is no server.
    pub(crate) fn called(mut self, name: &str) -> Self {
        self.config.application_name(name);
        self
    }

    /// From now on sessions find the tables there.
    pub(crate) fn lead_to(&mut self, home: &Home) {
        self.beginning =
            [Some(BEGINNING.to_owned()), home.path()].into_iter().flatten().collect::<Vec<_>>().join("; ");
    }

    /// From now on no session begins that has another log before it than the one that clients are told of.
    pub(crate) fn follow(&mut self, lineage: Arc<Lineage>) {
        self.lineage = Some(lineage);
    }

    pub(crate) fn lineage(&self) -> Option<&Arc<Lineage>> {
        self.lineage.as_ref()
    }

    /// The database's name and server, for messages; never the password.
    pub(crate) fn describe(&self) -> String {
        let database = self.config.get_dbname().unwrap_or("the default database");
        format!("{database} on {}", hosts::describe(&self.config))
    }

    /// A new connection, driven by the current runtime.
    pub(crate) async fn connect(&self) -> Result<Client> {
        let client = match &self.tls {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
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
