//! Prepares a database before it is served: connects, checks it and brings it up to date.

use std::sync::Arc;

use chat_core::ports::EventSink;
use chat_core::sync::Epoch;
use chat_store::{Metrics, ReaderMetrics};

use crate::connect::Address;
use crate::db::Db;
use crate::error::OpenError;
use crate::fault::Fault;
use crate::journal::PostgresJournal;
use crate::lineage::Lineage;
use crate::reader::Readers;
use crate::writer::Writer;
use crate::{Postgres, fitness, groups, names, pooler, schema, search, transfer};

/// Address of the database, and the parts of the store that are used.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `postgres://user:password@host:port/database?sslmode=...&sslrootcert=...`.
    pub url: String,
    /// Schema with the tables. By default `chatserver`, or the one where an earlier release has put them.
    pub schema: Option<String>,
    /// Whether the address was found rather than configured. Such a database is used only if it is empty or
    /// has our tables.
    pub is_found: bool,
    /// Number of connections for reading; one more writes.
    pub readers: usize,
    /// Whether messages can be searched, for which the database keeps an index. All nodes should agree.
    pub search: bool,
}

/// A database that is up to date but not served yet: the journal may be read, nothing is written.
pub struct Prepared {
    options: Options,
    address: Address,
    db: Db,
    lineage: Arc<Lineage>,
    readers: ReaderMetrics,
    /// Whether this node has just created the tables.
    pub is_new: bool,
}

impl Prepared {
    /// Returns the journal of the database.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn journal(&self) -> std::result::Result<PostgresJournal, OpenError> {
        PostgresJournal::of(&self.address, self.readers.beside())
    }

    /// Returns the epoch of the log.
    pub fn epoch(&self) -> Epoch {
        self.lineage.epoch()
    }

    /// Returns the secret that all nodes share: the stored one, or otherwise `proposed`, which it stores.
    /// Blocks.
    ///
    /// # Errors
    /// If the database fails.
    pub fn kept_secret(&self, proposed: &str) -> std::result::Result<String, OpenError> {
        let sql = "INSERT INTO secrets (name, value) VALUES ('tokens', $1) ON CONFLICT DO NOTHING";
        self.db.execute(sql, &[&proposed])?;
        let stored = self.db.row("SELECT value FROM secrets WHERE name = 'tokens'", &[])?;
        Ok(stored.try_get(0).map_err(Fault::from)?)
    }

    /// Opens the store. The sink receives the commits.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn open(self, sink: Arc<dyn EventSink>) -> std::result::Result<Postgres, OpenError> {
        self.lineage.set_sink(sink.clone());
        let (sink, signal) = if self.options.search {
            let (sink, signal) = search::with_commit_signal(sink);
            (sink, Some(signal))
        } else {
            (sink, None)
        };
        let search = signal.as_ref().map(|signal| signal.lag.clone());
        let metrics = Metrics { readers: self.readers, search, ..Metrics::default() };
        Ok(Postgres {
            writer: Writer::start(self.address.clone(), sink, metrics.writer.clone())?,
            readers: Readers::start(&self.address, self.options.readers, metrics.readers.clone())?,
            search: signal.map(|signal| search::Index::start(&self.address, signal)).transpose()?,
            metrics,
        })
    }
}

impl Postgres {
    /// Connects to the database, checks that it keeps what it acknowledges, and brings its tables up to date.
    /// Blocks.
    ///
    /// # Errors
    /// If the database cannot be reached, cannot be served, or is of a later release.
    pub fn prepare(options: &Options) -> std::result::Result<Prepared, OpenError> {
        let mut address = Address::parse(&options.url)?;
        let (db, is_new) = reach(&mut address, options)?;
        if transfer::source_of(&db)?.is_some() {
            return Err(OpenError::Unfinished(address.describe()));
        }
        names::catch_up_in_batches(&db)?;
        groups::keep_departures(&db)?;
        let lineage = Arc::new(Lineage::begin(&db)?);
        address.set_lineage(lineage.clone());
        let readers = ReaderMetrics::default();
        Ok(Prepared { options: options.clone(), address, db, lineage, readers, is_new })
    }
}

/// Connects to a database, checks it and brings it up to date. Returns the connection, and whether the tables
/// were just created. Later sessions of the address find the tables.
pub(crate) fn reach(address: &mut Address, options: &Options) -> std::result::Result<(Db, bool), OpenError> {
    let (db, name) = (connect(address)?, address.describe());
    pooler::check(&db, address)?;
    fitness::check_server(&db, &name)?;
    let home = schema::migrate(&db, options, &name)?;
    fitness::check_rights(&db, &name, &home.schema)?;
    address.use_schema(&home);
    Ok((db, home.is_new))
}

/// Connects to a database without checking it. Of several hosts that accept writes, chooses the one that was
/// promoted last.
pub(crate) fn connect(address: &Address) -> std::result::Result<Db, OpenError> {
    Db::connect_first(address)
        .map_err(|fault| OpenError::Unreachable { name: address.describe(), reason: fault.reason() })
}

/// Describes the database of this address, for messages: never its password.
pub fn describe(url: &str) -> String {
    Address::parse(url).map_or_else(|_| "a PostgreSQL database".into(), |address| address.describe())
}
