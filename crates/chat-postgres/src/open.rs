//! What happens to a database before it is served: it is reached, checked and brought up to date.

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

/// Where the database is, and how much of it is used.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `postgres://user:password@host:port/database?sslmode=...&sslrootcert=...`.
    pub url: String,
    /// The schema with the tables. By default `chatserver`, or where an earlier release has put them.
    pub schema: Option<String>,
    /// Nobody has said that this database is meant: it is used only if nothing is in it, or our tables are.
    pub is_found: bool,
    /// Connections for reading; one more writes.
    pub readers: usize,
    /// Whether messages can be searched, which costs the database an index. All nodes should agree.
    pub search: bool,
}

/// A database that is up to date, before it is served: the journal may be read, nothing is written yet.
pub struct Prepared {
    options: Options,
    address: Address,
    db: Db,
    lineage: Arc<Lineage>,
    readers: ReaderMetrics,
    /// Whether the tables were made just now, by this node.
    pub is_new: bool,
}

impl Prepared {
    /// The journal of the database.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn journal(&self) -> std::result::Result<PostgresJournal, OpenError> {
        PostgresJournal::of(&self.address, self.readers.beside())
    }

    /// Which log this is.
    pub fn epoch(&self) -> Epoch {
        self.lineage.epoch()
    }

    /// The secret that all nodes share: the one that is kept, or else this one, which is kept from now on. Blocks.
    ///
    /// # Errors
    /// If the database fails.
    pub fn kept_secret(&self, proposed: &str) -> std::result::Result<String, OpenError> {
        let sql = "INSERT INTO secrets (name, value) VALUES ('tokens', $1) ON CONFLICT DO NOTHING";
        self.db.execute(sql, &[&proposed])?;
        let kept = self.db.row("SELECT value FROM secrets WHERE name = 'tokens'", &[])?;
        Ok(kept.try_get(0).map_err(Fault::from)?)
    }

    /// Opens the store; what it commits is told to the sink.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn open(self, sink: Arc<dyn EventSink>) -> std::result::Result<Postgres, OpenError> {
        self.lineage.tell(sink.clone());
        let (sink, ear) = if self.options.search {
            let (sink, ear) = search::listen(sink);
            (sink, Some(ear))
        } else {
            (sink, None)
        };
        let search = ear.as_ref().map(|ear| ear.lag.clone());
        let metrics = Metrics { readers: self.readers, search, ..Metrics::default() };
        Ok(Postgres {
            writer: Writer::start(self.address.clone(), sink, metrics.writer.clone())?,
            readers: Readers::start(&self.address, self.options.readers, metrics.readers.clone())?,
            search: ear.map(|ear| search::Index::start(&self.address, ear)).transpose()?,
            metrics,
        })
    }
}

impl Postgres {
    /// Reaches the database, checks that it keeps what it acknowledges, and brings its tables up to date. Blocks.
    ///
    /// # Errors
    /// If the database cannot be reached, is not fit, or is of a later release.
    pub fn prepare(options: &Options) -> std::result::Result<Prepared, OpenError> {
        let mut address = Address::parse(&options.url)?;
        let (db, is_new) = reach(&mut address, options)?;
        if transfer::source_of(&db)?.is_some() {
            return Err(OpenError::Unfinished(address.describe()));
        }
        names::catch_up_in_batches(&db)?;
        groups::keep_departures(&db)?;
        let lineage = Arc::new(Lineage::begin(&db)?);
        address.follow(lineage.clone());
        let readers = ReaderMetrics::default();
        Ok(Prepared { options: options.clone(), address, db, lineage, readers, is_new })
    }
}

/// A connection to a database that is fit and up to date, and whether its tables were made just now. From then on the
/// address leads to them.
pub(crate) fn reach(address: &mut Address, options: &Options) -> std::result::Result<(Db, bool), OpenError> {
    let (db, name) = (connect(address)?, address.describe());
    pooler::check(&db, address)?;
    fitness::of_server(&db, &name)?;
    let home = schema::migrate(&db, options, &name)?;
    fitness::of_rights(&db, &name, &home.schema)?;
    address.lead_to(&home);
    Ok((db, home.is_new))
}

/// A connection to a database that may be of any kind. Of several hosts that take writes, to the one that was promoted
/// last.
pub(crate) fn connect(address: &Address) -> std::result::Result<Db, OpenError> {
    Db::connect_first(address)
        .map_err(|fault| OpenError::Unreachable { name: address.describe(), reason: fault.reason() })
}

/// The database of this address, for messages: never its password.
pub fn describe(url: &str) -> String {
    Address::parse(url).map_or_else(|_| "a PostgreSQL database".into(), |address| address.describe())
}
