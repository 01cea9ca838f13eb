//! What happens to a database before it is served: it is reached, checked and brought up to date.

use std::sync::Arc;

use chat_core::ports::EventSink;
use chat_core::sync::Epoch;
use chat_metrics::{Metrics, ReaderMetrics};

use crate::connect::Address;
use crate::db::Db;
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

/// Why a database cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is malformed.
    #[error(
        "DATABASE_URL cannot be understood: {0}; it should look like postgres://user:password@host:5432/database"
    )]
    Address(String),
    /// What the address says of encryption can't be done; the reason is a sentence.
    #[error("DATABASE_URL: {0}")]
    Encryption(String),
    /// What the address says of several hosts can't be done; the reason is a sentence.
    #[error("DATABASE_URL: {0}")]
    Hosts(String),
    /// Encryption cannot be set up.
    #[error("encryption cannot be set up: {0}")]
    Tls(rustls::Error),
    /// The database cannot be reached, or refuses us.
    #[error("the database {name} cannot be used: {reason}; check DATABASE_URL and that PostgreSQL runs")]
    Unreachable {
        /// Which database.
        name: String,
        /// In the driver's words.
        reason: String,
    },
    /// The server is too old.
    #[error("the PostgreSQL server is of version {0}; at least 14 is needed")]
    OldServer(String),
    /// A pooler lends its sessions for a transaction only.
    #[error(
        "what stands between this node and the database {0} lends sessions for a transaction only, and a node needs sessions of its own; have it pool by session (PgBouncer: pool_mode = session), or name PostgreSQL itself in DATABASE_URL"
    )]
    Pooled(String),
    /// The server only follows another one.
    #[error(
        "the server of the database {0} is a standby, which takes no writes; name the primary in DATABASE_URL, or all of them: postgres://user:password@one:5432,other:5432/database"
    )]
    Standby(String),
    /// Somebody has decided that nothing is written there.
    #[error(
        "the database {0} is set to be read only; take default_transaction_read_only away from the database, the user of DATABASE_URL or the server"
    )]
    ReadOnly(String),
    /// Not every text can be kept.
    #[error(
        "the database {name} has the encoding {encoding}, which does not keep every text; make one with: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
    )]
    Encoding {
        /// Which database.
        name: String,
        /// Its encoding.
        encoding: String,
    },
    /// The tables cannot be made or changed.
    #[error(
        "the user of DATABASE_URL may not make or change tables in the schema {schema} of the database {name} ({reason}); let it own the schema and the tables in it, or start a node of this release as their owner first"
    )]
    MayNotMigrate {
        /// Which database.
        name: String,
        /// Which schema.
        schema: String,
        /// In the server's words.
        reason: String,
    },
    /// The tables cannot be read or written.
    #[error(
        "the user of DATABASE_URL may not use the schema {schema} of the database {name} ({what}); have its owner run: GRANT USAGE ON SCHEMA {schema} TO that user; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO that user"
    )]
    MayNotUse {
        /// Which database.
        name: String,
        /// Which schema.
        schema: String,
        /// What it may not use.
        what: String,
    },
    /// The server may lose what it has acknowledged.
    #[error(
        "PostgreSQL runs with {0}: a message that was acknowledged would not survive a crash; switch it on"
    )]
    NotDurable(&'static str),
    /// The database was changed by a later release that this one does not work with.
    #[error("the database has version {version} and this release knows {known}; start a newer release")]
    Newer {
        /// The version found.
        version: i64,
        /// The newest version known.
        known: i64,
    },
    /// The schema has a name that would have to be quoted.
    #[error(
        "DATABASE_SCHEMA is {0:?}; it must be of lower-case letters, digits and _ alone, and not begin with a digit or pg_"
    )]
    SchemaName(String),
    /// Tables of another program are where ours are to be.
    #[error(
        "the schema {schema} of the database {name} has something of another program in it ({table}); nothing was changed: name an empty or a new schema with DATABASE_SCHEMA, or use another database"
    )]
    Foreign {
        /// Which database.
        name: String,
        /// Which schema.
        schema: String,
        /// What is in it, for example.
        table: String,
    },
    /// The schema is closed, because the tables are in another one.
    #[error(
        "the schema {schema} of the database {name} has a mark that ChatServer's tables are in another one; leave DATABASE_SCHEMA unset, or drop {schema}.schema_version if they are gone"
    )]
    Marked {
        /// Which database.
        name: String,
        /// Which schema.
        schema: String,
    },
    /// The tables are in another schema than the one that is named.
    #[error(
        "the database {name} has ChatServer's tables in the schema {schema}; leave DATABASE_SCHEMA unset to go on with them, or use another database to start anew"
    )]
    Settled {
        /// Which database.
        name: String,
        /// Where they are.
        schema: String,
    },
    /// There are two installations, and nobody has said which.
    #[error(
        "the database {name} has ChatServer's tables in two schemas, {one} and {other}; say with DATABASE_SCHEMA which are to be served"
    )]
    TwoHomes {
        /// Which database.
        name: String,
        /// Where an earlier release looks.
        one: String,
        /// Our own.
        other: String,
    },
    /// The schema is not there and cannot be made.
    #[error(
        "the database {name} has no schema {schema}, and the user of DATABASE_URL may not make one; have its owner run: CREATE SCHEMA {schema} AUTHORIZATION that user"
    )]
    NoSchema {
        /// Which database.
        name: String,
        /// Which schema.
        schema: String,
    },
    /// The address was found in a file that may be another program's.
    #[error(
        "the database {0} has something of another program in it, and its address comes from the file .env of this folder, which may be that program's; if it is meant for ChatServer, set DATABASE_URL in the environment, else start in another folder"
    )]
    Stranger(String),
    /// There is nothing of ours to look at.
    #[error("the database {0} has no tables of ChatServer; check DATABASE_URL and DATABASE_SCHEMA")]
    NoTables(String),
    /// Everything of another store is to come here, and not all of it is here.
    #[error(
        "the database {0} is being filled from a SQLite file and not whole yet; run `chatserver migrate` to its end, with that file's server stopped"
    )]
    Unfinished(String),
    /// There is something else in the database already.
    #[error(
        "ChatServer's schema in the database {0} is not empty; make an empty one for what is to be moved, or another database"
    )]
    NotEmpty(String),
    /// Everything of that store is here already.
    #[error(
        "everything was moved to the database {0} before, and servers may have changed it since; nothing was done"
    )]
    AlreadyMoved(String),
    /// Another store is being moved here.
    #[error(
        "the database {0} is being filled from another SQLite file; run this with that file, or make an empty database"
    )]
    OtherSource(String),
    /// Somebody else works on the database.
    #[error("{who} on the database {name}; stop it first")]
    Busy {
        /// Which database.
        name: String,
        /// Who.
        who: &'static str,
    },
    /// A statement failed.
    #[error("the database could not be prepared: {0}")]
    Database(String),
    /// A statement was refused for want of rights.
    #[error("the user of DATABASE_URL may not do what a node has to: {0}")]
    MayNot(String),
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(std::io::Error),
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        match fault.wants_rights() {
            true => Self::MayNot(fault.reason()),
            false => Self::Database(fault.reason()),
        }
    }
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
