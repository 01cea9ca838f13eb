//! One connection, driven by the thread that owns it: statements are sent and waited for there and nowhere else, so that
//! a feature's functions read from top to bottom. No feature's SQL
//! may stand here.

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

/// A statement that takes longer has failed, and its connection with it: whether it was done is not known.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// A connection that was not used for so long may have ended without anybody noticing.
const IDLE: Duration = Duration::from_millis(100);
/// As often as it takes for the driver to hear of the end, to read it and to say so.
const LOOKS: usize = 4;
/// How long a node that starts waits to hear whether another host has the place of the one that has let it in.
const LOOK_ROUND: Duration = Duration::from_secs(3);
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
    patience: Cell<Duration>,
    used_at: Cell<Instant>,
    address: Address,
    /// The number of its host.
    host: usize,
    /// Where it is, as far as it has been asked.
    origin: RefCell<Option<Origin>>,
    /// Of the lineage, when this session last met it.
    generation: Cell<u64>,
}

impl Db {
    /// Connects, to the log that this server tells of if it tells of one. Blocks.
    pub(crate) fn connect(address: &Address) -> Result<Self> {
        let mut refusals = Refusals::new();
        loop {
            let db = Self::begin(address, &mut refusals)?;
            match db.meet() {
                Ok(()) => {
                    address.prefer(db.host);
                    return Ok(db);
                }
                // It may be the server of before a failover, and the one of after it another of the hosts.
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
            patience: Cell::new(PATIENCE),
            used_at: Cell::new(Instant::now()),
            address: address.clone(),
            host,
            origin: RefCell::default(),
            generation: Cell::new(0),
        })
    }

    /// Which log this session has to have before it.
    pub(crate) fn lineage(&self) -> Option<&Lineage> {
        self.address.lineage().map(Arc::as_ref)
    }

    /// Sees to it that it has, before anything that is read here is told. Not within a transaction.
    pub(crate) fn meet(&self) -> Result<()> {
        let Some(lineage) = self.address.lineage() else { return Ok(()) };
        let origin = lineage.meet(self)?;
        self.origin.replace(Some(origin));
        self.generation.set(lineage.generation());
        Ok(())
    }

    /// The same for a program that begins: of several hosts that take writes, to the one that was promoted last.
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
                // It lets sessions begin, and then says nothing.
                Err(fault) => drop(refusals.insert(db.host, fault)),
            }
        }
    }

    /// The host that has the place of this one, if there is one; asked for without preparing anything, since a pooler may
    /// be in between.
    fn latest(&self) -> Result<Option<usize>> {
        let asked = self.work(async |client| Ok(origin::of_client(client).await));
        let origin = match asked? {
            Ok(origin) => origin,
            Err(fault) if fault.is_passing() => return Err(fault),
            // It may not ask.
            Err(_) => return Ok(None),
        };
        let find = async { timeout(LOOK_ROUND, successor::latest(&self.address, self.host, &origin)).await };
        Ok(self.runtime.block_on(find).ok().flatten().map(|(successor, _)| successor))
    }

    /// Whether the address has other hosts.
    pub(crate) fn is_one_of_several(&self) -> bool {
        self.address.n_hosts() > 1
    }

    /// Whether another connection is needed: this one is closed, in a state that is not known, or from before the log
    /// turned out to be another one.
    pub(crate) fn is_broken(&self) -> bool {
        let is_of_old = self.lineage().is_some_and(|it| it.generation() != self.generation.get());
        is_of_old || self.is_unusable()
    }

    fn is_unusable(&self) -> bool {
        if self.used_at.get().elapsed() > IDLE {
            self.used_at.set(Instant::now());
            // Nothing drives the connection between two statements.
            self.runtime.block_on(async {
                for _ in 0..LOOKS {
                    tokio::task::yield_now().await;
                }
            });
        }
        self.is_broken.get() || self.client.is_closed()
    }

    /// The state of the connection is not known any more.
    pub(crate) fn give_up(&self) {
        self.is_broken.set(true);
    }

    /// From now on statements may take that long.
    pub(crate) fn be_patient(&self, patience: Duration) {
        self.patience.set(patience);
    }

    /// How many statements so far were meant to change something.
    pub(crate) fn n_changes(&self) -> u64 {
        self.n_changes.get()
    }

    /// The rows that a statement gives.
    pub(crate) fn rows(&self, sql: &'static str, params: Params<'_>) -> Result<Vec<Row>> {
        let statement = self.prepare(sql)?;
        self.wait(self.client.query(&statement, params))
    }

    /// The row that a statement gives, if it gives one.
    pub(crate) fn opt(&self, sql: &'static str, params: Params<'_>) -> Result<Option<Row>> {
        let statement = self.prepare(sql)?;
        self.wait(self.client.query_opt(&statement, params))
    }

    /// The one row that a statement gives.
    pub(crate) fn row(&self, sql: &'static str, params: Params<'_>) -> Result<Row> {
        let statement = self.prepare(sql)?;
        self.wait(self.client.query_one(&statement, params))
    }

    /// Whether a statement gives any row.
    pub(crate) fn exists(&self, sql: &'static str, params: Params<'_>) -> Result<bool> {
        Ok(!self.rows(sql, params)?.is_empty())
    }

    /// How many rows a statement changed.
    pub(crate) fn execute(&self, sql: &'static str, params: Params<'_>) -> Result<u64> {
        let statement = self.prepare(sql)?;
        self.wait(self.client.execute(&statement, params))
    }

    /// Statements without parameters, in one round trip.
    pub(crate) fn batch(&self, sql: &str) -> Result<()> {
        self.wait(self.client.batch_execute(sql))
    }

    /// Whatever else a connection can do.
    pub(crate) fn work<T>(
        &self,
        work: impl AsyncFnOnce(&Client) -> std::result::Result<T, tokio_postgres::Error>,
    ) -> Result<T> {
        self.wait(work(&self.client))
    }

    /// One statement, and others without parameters after it, in one round trip.
    pub(crate) fn execute_then(&self, sql: &'static str, params: Params<'_>, then: &str) -> Result<()> {
        let statement = self.prepare(sql)?;
        self.wait(async {
            // In this order they are sent; the second is not waited for before the first is.
            let (first, then) =
                tokio::join!(biased; self.client.execute(&statement, params), self.client.batch_execute(then));
            first?;
            then
        })
    }

    /// Statements without parameters and then one that gives one row, in one round trip.
    pub(crate) fn batch_then_row(&self, before: &str, sql: &'static str) -> Result<Row> {
        let statement = self.prepare(sql)?;
        self.wait(async {
            let (before, row) =
                tokio::join!(biased; self.client.batch_execute(before), self.client.query_one(&statement, &[]));
            before?;
            row
        })
    }

    /// Reads that all see the same state of the database.
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
                done = timeout(self.patience.get(), work) => done.map_err(|_| NO_ANSWER.to_owned()),
                successor = successor::awaited(&self.address, self.host, origin.as_ref()) => {
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
