//! Where the database is and how connections to it begin.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{Client, Config};

use crate::encryption;
use crate::error::OpenError;
use crate::fault::{Fault, Result, explained};
use crate::home::Home;
use crate::hosts;
use crate::lineage::Lineage;
use crate::race::{self, Refusals};
use crate::successor::Search;
use crate::way::Way;

/// How long a session may take to begin, wherever.
const LIMIT: Duration = Duration::from_secs(5);

/// As the driver has it of a standby, or of a database that is set to be read only.
const READS_ONLY: &str = "error connecting to server: database does not allow writes";

/// The database's address. Copies know of each other where the last session has begun.
#[derive(Clone)]
pub(crate) struct Address {
    /// One for each host.
    ways: Vec<Way>,
    /// The number of the host to begin with.
    favourite: Arc<AtomicUsize>,
    search: Arc<Search>,
    /// Which log a session has to have before it; `None` while nothing is served.
    lineage: Option<Arc<Lineage>>,
}

/// Why an address cannot be read. Of `key=value` with a blank in a password, the driver shows a part of that.
fn misread(address: &str, error: &tokio_postgres::Error) -> String {
    match address.contains("://") {
        true => explained(error),
        false => "a value with blanks must be quoted: '…'".into(),
    }
}

impl Address {
    /// Reads `postgres://...`, and the file with authorities that it may name.
    pub(crate) fn parse(url: &str) -> std::result::Result<Self, OpenError> {
        let (rest, wish) = encryption::taken_from(url)?;
        let mut config: Config = rest.parse().map_err(|error| OpenError::Address(misread(&rest, &error)))?;
        hosts::check(&config)?;
        hosts::settle(&mut config)?;
        let mode = wish.mode(config.get_ssl_mode());
        let connector = wish.connector(mode)?;
        let way = |mut config: Config| {
            config.ssl_mode(mode.for_driver());
            Way::new(config, &connector)
        };
        let ways = hosts::apart(&config).into_iter().map(way).collect();
        Ok(Self { ways, favourite: Arc::default(), search: Arc::default(), lineage: None })
    }

    /// The same for a program that is no server.
    pub(crate) fn called(mut self, name: &str) -> Self {
        self.ways.iter_mut().for_each(|way| way.call(name));
        self
    }

    /// From now on sessions find the tables there.
    pub(crate) fn lead_to(&mut self, home: &Home) {
        self.ways.iter_mut().for_each(|way| way.lead_to(home));
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
        let database = self.ways.first().and_then(Way::database).unwrap_or("the default database");
        let hosts: Vec<_> = self.ways.iter().map(Way::host).collect();
        format!("{database} on {}", hosts.join(" or "))
    }

    /// How many hosts it names.
    pub(crate) fn n_hosts(&self) -> usize {
        self.ways.len()
    }

    /// The host of this number, for messages.
    pub(crate) fn host(&self, number: usize) -> String {
        self.ways.get(number).map(Way::host).unwrap_or_default()
    }

    /// What sessions know together of hosts that have taken the place of others.
    pub(crate) fn search(&self) -> &Search {
        &self.search
    }

    /// From now on sessions begin there if they can.
    pub(crate) fn prefer(&self, number: usize) {
        self.favourite.store(number, Ordering::Relaxed);
    }

    /// A new connection, driven by the current runtime, and the number of its host; but not to those that have refused.
    pub(crate) async fn connect(&self, refusals: &mut Refusals) -> Result<(usize, Client)> {
        let favourite = self.favourite.load(Ordering::Relaxed);
        let mut order: Vec<_> =
            (0..self.ways.len()).filter(|number| !refusals.contains_key(number)).collect();
        order.sort_by_key(|number| *number != favourite);
        let connected = timeout(LIMIT, race::first(order, |number| self.begin(number), refusals)).await;
        connected.ok().flatten().ok_or_else(|| self.why_not(refusals))
    }

    /// A connection to the host of this number.
    pub(crate) fn begin(&self, number: usize) -> impl Future<Output = Result<Client>> + Send + use<> {
        let way = self.ways.get(number).cloned();
        async move {
            match way {
                Some(way) => way.begin().await,
                None => Err(Fault::Broken("there is no such host".into())),
            }
        }
    }

    /// What is said when all hosts have refused, or nothing was heard of them.
    fn why_not(&self, refusals: &mut Refusals) -> Fault {
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
