//! One connection, driven by the thread that owns it. Statements are sent and awaited there and nowhere else,
//! so the functions of a feature read from top to bottom. No feature's SQL may be here.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_core::lineage::Origin;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use crate::connect::Address;
use crate::fault::{Fault, Result};
use crate::lineage::Lineage;
use crate::race::Refusals;
use crate::{origin, successor};

/// A statement that takes longer has failed, and its connection with it: the outcome is unknown.
pub(crate) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that was idle for longer may have ended without notice.
const IDLE_LIMIT: Duration = Duration::from_millis(100);
/// Number of polls that the driver needs to receive the end of the connection, read it and report it.
const IDLE_POLLS: usize = 4;
/// Time in which a starting node looks for a host that has replaced the one it is connected to.
const SUCCESSOR_SEARCH_TIME: Duration = Duration::from_secs(3);
const NO_ANSWER: &str = "the database does not answer";

/// Parameters of a statement.
pub(crate) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A connection and its prepared statements.
pub(crate) struct Db {
    runtime: Runtime,
    client: Client,
    prepared: RefCell<HashMap<&'static str, Statement>>,
    is_broken: Cell<bool>,
    n_changes: Cell<u64>,
    statement_timeout: Cell<Duration>,
    used_at: Cell<Instant>,
    address: Address,
    /// Index of its host in the address.
    host: usize,
    /// Identity of its server, if it has been read.
    origin: RefCell<Option<Origin>>,
    /// Generation of the lineage when this session last checked it.
    generation: Cell<u64>,
}

impl Db {
    /// Connects. If the address has a lineage, the session must find its log. Blocks.
    pub(crate) fn connect(address: &Address) -> Result<Self> {
        let mut refusals = Refusals::new();
        loop {
            let db = Self::begin(address, &mut refusals)?;
            match db.check_lineage() {
                Ok(()) => {
                    address.prefer(db.host);
                    return Ok(db);
                }
                // It may be the old server of a failover, and the new one may be another of the hosts.
                Err(fault) if address.n_hosts() > 1 => drop(refusals.insert(db.host, fault)),
                Err(fault) => return Err(fault),
            }
        }
    }

    fn begin(address: &Address, refusals: &mut Refusals) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Fault::Broken(error.to_string()))?;
        let (host, client) = runtime.block_on(address.connect(refusals))?;
        Ok(Self {
            runtime,
            client,
            prepared: RefCell::default(),
            is_broken: Cell::new(false),
            n_changes: Cell::new(0),
            statement_timeout: Cell::new(STATEMENT_TIMEOUT),
            used_at: Cell::new(Instant::now()),
            address: address.clone(),
            host,
            origin: RefCell::default(),
            generation: Cell::new(0),
        })
    }

    /// Returns the lineage whose log this session must find.
    pub(crate) fn lineage(&self) -> Option<&Lineage> {
        self.address.lineage().map(Arc::as_ref)
    }

    /// Checks that the session finds the log of the lineage. Must run before anything that is read here goes
    /// out, and outside of transactions.
    pub(crate) fn check_lineage(&self) -> Result<()> {
        let Some(lineage) = self.address.lineage() else { return Ok(()) };
        let origin = lineage.check(self)?;
        self.origin.replace(Some(origin));
        self.generation.set(lineage.generation());
        Ok(())
    }

    /// Connects for a program that starts. Of several hosts that accept writes, chooses the one that was
    /// promoted last.
    pub(crate) fn connect_first(address: &Address) -> Result<Self> {
        if address.n_hosts() == 1 {
            return Self::connect(address);
        }
        let mut refusals = Refusals::new();
        loop {
            let db = Self::begin(address, &mut refusals)?;
            match db.latest() {
                Ok(None) => {
                    address.prefer(db.host);
                    return Ok(db);
                }
                Ok(Some(successor)) => {
                    let reason = format!("{} has its place", address.host(successor));
                    refusals.insert(db.host, Fault::Broken(reason));
                    address.prefer(successor);
                }
                // The host accepts sessions but does not answer.
                Err(fault) => drop(refusals.insert(db.host, fault)),
            }
        }
    }

    /// Returns the host that has replaced this one, if there is one. Prepares no statement, because a pooler
    /// may be in between.
    fn latest(&self) -> Result<Option<usize>> {
        let asked = self.work(async |client| Ok(origin::of_client(client).await));
        let origin = match asked? {
            Ok(origin) => origin,
            Err(fault) if fault.is_temporary() => return Err(fault),
            // The role may not read the server's identity.
            Err(_) => return Ok(None),
        };
        let find = async {
            timeout(SUCCESSOR_SEARCH_TIME, successor::latest(&self.address, self.host, &origin)).await
        };
        Ok(self.runtime.block_on(find).ok().flatten().map(|(successor, _)| successor))
    }

    /// Returns whether the address has other hosts.
    pub(crate) fn is_one_of_several(&self) -> bool {
        self.address.n_hosts() > 1
    }

    /// Returns whether another connection is needed: this one is closed, in an unknown state, or from before
    /// the log was replaced.
    pub(crate) fn is_broken(&self) -> bool {
        let is_outdated = self.lineage().is_some_and(|it| it.generation() != self.generation.get());
        is_outdated || self.is_unusable()
    }

    fn is_unusable(&self) -> bool {
        if self.used_at.get().elapsed() > IDLE_LIMIT {
            self.used_at.set(Instant::now());
            // Nothing drives the connection between two statements.
            self.runtime.block_on(async {
                for _ in 0..IDLE_POLLS {
                    tokio::task::yield_now().await;
                }
            });
        }
        self.is_broken.get() || self.client.is_closed()
    }

    /// Marks the state of the connection as unknown.
    pub(crate) fn give_up(&self) {
        self.is_broken.set(true);
    }

    /// Sets the upper bound for the time of later statements.
    pub(crate) fn set_statement_timeout(&self, timeout: Duration) {
        self.statement_timeout.set(timeout);
    }

    /// Returns the number of statements so far that were meant to change something.
    pub(crate) fn n_changes(&self) -> u64 {
        self.n_changes.get()
    }

    /// Returns all rows of a statement.
    pub(crate) fn rows(&self, sql: &'static str, params: Params<'_>) -> Result<Vec<Row>> {
        let statement = self.prepare(sql)?;
        self.wait(self.client.query(&statement, params))
    }

    /// Returns the row of a statement, if there is one.
    pub(crate) fn opt(&self, sql: &'static str, params: Params<'_>) -> Result<Option<Row>> {
        let statement = self.prepare(sql)?;
        self.wait(self.client.query_opt(&statement, params))
    }

    /// Returns the only row of a statement.
    pub(crate) fn row(&self, sql: &'static str, params: Params<'_>) -> Result<Row> {
        let statement = self.prepare(sql)?;
        self.wait(self.client.query_one(&statement, params))
    }

    /// Returns whether a statement has any row.
    pub(crate) fn exists(&self, sql: &'static str, params: Params<'_>) -> Result<bool> {
        Ok(!self.rows(sql, params)?.is_empty())
    }

    /// Returns the number of rows that a statement changed.
    pub(crate) fn execute(&self, sql: &'static str, params: Params<'_>) -> Result<u64> {
        let statement = self.prepare(sql)?;
        self.wait(self.client.execute(&statement, params))
    }

    /// Runs statements without parameters, in one round trip.
    pub(crate) fn batch(&self, sql: &str) -> Result<()> {
        self.wait(self.client.batch_execute(sql))
    }

    /// Runs any other operation of a connection.
    pub(crate) fn work<T>(
        &self,
        work: impl AsyncFnOnce(&Client) -> std::result::Result<T, tokio_postgres::Error>,
    ) -> Result<T> {
        self.wait(work(&self.client))
    }

    /// Runs one statement, and after it others without parameters, in one round trip.
    pub(crate) fn execute_then(&self, sql: &'static str, params: Params<'_>, then: &str) -> Result<()> {
        let statement = self.prepare(sql)?;
        self.wait(async {
            // They are sent in this order; the second is not awaited before the first.
            let (first, then) =
                tokio::join!(biased; self.client.execute(&statement, params), self.client.batch_execute(then));
            first?;
            then
        })
    }

    /// Runs statements without parameters and then one that returns one row, in one round trip.
    pub(crate) fn batch_then_row(&self, before: &str, sql: &'static str) -> Result<Row> {
        let statement = self.prepare(sql)?;
        self.wait(async {
            let (before, row) =
                tokio::join!(biased; self.client.batch_execute(before), self.client.query_one(&statement, &[]));
            before?;
            row
        })
    }

    /// Runs reads that all see the same state of the database.
    pub(crate) fn snapshot<T>(&self, read: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        self.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        let result = read(self);
        if self.batch(if result.is_ok() { "COMMIT" } else { "ROLLBACK" }).is_err() {
            self.give_up();
        }
        result
    }

    fn prepare(&self, sql: &'static str) -> Result<Statement> {
        if !sql.starts_with("SELECT") {
            self.n_changes.set(self.n_changes.get() + 1);
        }
        if let Some(statement) = self.prepared.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.wait(self.client.prepare(sql))?;
        self.prepared.borrow_mut().insert(sql, statement.clone());
        Ok(statement)
    }

    fn wait<T>(
        &self,
        work: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        if self.is_unusable() {
            return Err(Fault::Broken("the connection to the database is gone".into()));
        }
        let origin = self.origin.borrow();
        let done = self.runtime.block_on(async {
            tokio::select! {
                biased;
                done = timeout(self.statement_timeout.get(), work) => done.map_err(|_| NO_ANSWER.to_owned()),
                successor = successor::until_replaced(&self.address, self.host, origin.as_ref()) => {
                    self.address.prefer(successor);
                    Err(format!("{NO_ANSWER}; {} has its place", self.address.host(successor)))
                }
            }
        });
        self.used_at.set(Instant::now());
        match done {
            Ok(result) => Ok(result?),
            Err(reason) => {
                self.give_up();
                Err(Fault::Broken(reason))
            }
        }
    }
}
