//! The database's address, and how connections to it begin.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{Client, Config};

use crate::encryption;
use crate::endpoint::Endpoint;
use crate::error::OpenError;
use crate::fault::{Fault, Result, explained};
use crate::home::HomeSchema;
use crate::hosts;
use crate::lineage::Lineage;
use crate::race::{self, Refusals};
use crate::successor::SuccessorSearch;

/// Upper bound for the time in which a session must begin, on any host.
const SESSION_LIMIT: Duration = Duration::from_secs(5);

/// The driver's text for a standby, or for a database that is set to read only.
const READS_ONLY: &str = "error connecting to server: database does not allow writes";

/// The database's address. Copies share the host on which the last session began.
#[derive(Clone)]
pub(crate) struct Address {
    /// One endpoint for each host.
    endpoints: Vec<Endpoint>,
    /// Index of the host that is tried first.
    preferred: Arc<AtomicUsize>,
    successor_search: Arc<SuccessorSearch>,
    /// The log that a session must find; `None` while nothing is served.
    lineage: Option<Arc<Lineage>>,
}

/// Describes why an address cannot be parsed. For `key=value` with a blank in a password, the driver's text
/// would contain a part of the password.
fn parse_error(address: &str, error: &tokio_postgres::Error) -> String {
    match address.contains("://") {
        true => explained(error),
        false => "a value with blanks must be quoted: '…'".into(),
    }
}

impl Address {
    /// Parses `postgres://...`, and reads the file with authorities that it may name.
    pub(crate) fn parse(url: &str) -> std::result::Result<Self, OpenError> {
        let (rest, tls) = encryption::extract(url)?;
        let mut config: Config =
            rest.parse().map_err(|error| OpenError::Address(parse_error(&rest, &error)))?;
        hosts::check(&config)?;
        hosts::require_writable(&mut config)?;
        let mode = tls.mode(config.get_ssl_mode());
        let connector = tls.connector(mode)?;
        let endpoint = |mut config: Config| {
            config.ssl_mode(mode.for_driver());
            Endpoint::new(config, &connector)
        };
        let endpoints = hosts::one_per_host(&config).into_iter().map(endpoint).collect();
        Ok(Self { endpoints, preferred: Arc::default(), successor_search: Arc::default(), lineage: None })
    }

    /// Sets another application name, for a program that is not a server.
    pub(crate) fn with_application_name(mut self, name: &str) -> Self {
        self.endpoints.iter_mut().for_each(|endpoint| endpoint.set_application_name(name));
        self
    }

    /// Makes later sessions find the tables in this schema.
    pub(crate) fn use_schema(&mut self, home: &HomeSchema) {
        self.endpoints.iter_mut().for_each(|endpoint| endpoint.use_schema(home));
    }

    /// Makes later sessions fail if they find another log than the one that clients know.
    pub(crate) fn set_lineage(&mut self, lineage: Arc<Lineage>) {
        self.lineage = Some(lineage);
    }

    pub(crate) fn lineage(&self) -> Option<&Arc<Lineage>> {
        self.lineage.as_ref()
    }

    /// Returns the database's name and hosts, for messages; never the password.
    pub(crate) fn describe(&self) -> String {
        let database = self.endpoints.first().and_then(Endpoint::database).unwrap_or("the default database");
        let hosts: Vec<_> = self.endpoints.iter().map(Endpoint::host).collect();
        format!("{database} on {}", hosts.join(" or "))
    }

    /// Returns the number of hosts in the address.
    pub(crate) fn n_hosts(&self) -> usize {
        self.endpoints.len()
    }

    /// Returns the host of this index, for messages.
    pub(crate) fn host(&self, number: usize) -> String {
        self.endpoints.get(number).map(Endpoint::host).unwrap_or_default()
    }

    /// Returns the search for hosts that have replaced others. All sessions share it.
    pub(crate) fn successor_search(&self) -> &SuccessorSearch {
        &self.successor_search
    }

    /// Makes later sessions begin on this host if possible.
    pub(crate) fn prefer(&self, number: usize) {
        self.preferred.store(number, Ordering::Relaxed);
    }

    /// Opens a connection that the current runtime drives. Returns it with the index of its host. Skips hosts
    /// that have refused.
    pub(crate) async fn connect(&self, refusals: &mut Refusals) -> Result<(usize, Client)> {
        let preferred = self.preferred.load(Ordering::Relaxed);
        let mut order: Vec<_> =
            (0..self.endpoints.len()).filter(|number| !refusals.contains_key(number)).collect();
        order.sort_by_key(|number| *number != preferred);
        let connected =
            timeout(SESSION_LIMIT, race::first(order, |number| self.begin(number), refusals)).await;
        connected.ok().flatten().ok_or_else(|| self.refusal(refusals))
    }

    /// Opens a connection to the host of this index.
    pub(crate) fn begin(&self, number: usize) -> impl Future<Output = Result<Client>> + Send + use<> {
        let endpoint = self.endpoints.get(number).cloned();
        async move {
            match endpoint {
                Some(endpoint) => endpoint.begin().await,
                None => Err(Fault::Broken("there is no such host".into())),
            }
        }
    }

    /// Returns the error for the case that all hosts have refused or none has answered.
    fn refusal(&self, refusals: &mut Refusals) -> Fault {
        if self.n_hosts() == 1
            && let Some((_, fault)) = refusals.pop_first()
        {
            return fault;
        }
        let reason = |(number, fault): (&usize, &Fault)| {
            let reason =
                fault.reason().replace(READS_ONLY, "it accepts no writes (a standby, or set to read-only)");
            format!("{}: {reason}", self.host(*number))
        };
        let reasons: Vec<_> = refusals.iter().map(reason).collect();
        Fault::Broken(if reasons.is_empty() {
            "the database does not answer".into()
        } else {
            reasons.join("; ")
        })
    }
}
