//! Why a database cannot be served, in sentences for the operator. Every part of the adapter may use it; it uses nothing
//! but `fault.rs`.

use crate::fault::Fault;

/// Why a database cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is malformed.
    #[error("DATABASE_URL is invalid: {0}; it should look like postgres://user:password@host:5432/database")]
    Address(String),
    /// What the address says of encryption can't be done; the reason is a sentence.
    #[error("DATABASE_URL: {0}")]
    Encryption(String),
    /// What the address says of several hosts can't be done; the reason is a sentence.
    #[error("DATABASE_URL: {0}")]
    Hosts(String),
    /// Encryption cannot be set up.
    #[error("cannot set up encryption: {0}")]
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
    #[error("the PostgreSQL server has version {0}; at least 14 is needed")]
    OldServer(String),
    /// A pooler lends its sessions for a transaction only.
    #[error(
        "the pooler between this node and the database {0} pools by transaction or statement, and a node needs its own sessions; use session pooling (PgBouncer: pool_mode = session), or put PostgreSQL's own address into DATABASE_URL"
    )]
    Pooled(String),
    /// The server only follows another one.
    #[error(
        "the server of the database {0} is a standby, which accepts no writes; put the primary into DATABASE_URL, or all hosts: postgres://user:password@one:5432,other:5432/database"
    )]
    Standby(String),
    /// Somebody has decided that nothing is written there.
    #[error(
        "the database {0} is set to be read only; remove default_transaction_read_only from the database, the user of DATABASE_URL or the server"
    )]
    ReadOnly(String),
    /// Not every text can be kept.
    #[error(
        "the database {name} has the encoding {encoding}, which cannot store every text; create one with: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
    )]
    Encoding {
        /// Which database.
        name: String,
        /// Its encoding.
        encoding: String,
    },
    /// The tables cannot be made or changed.
    #[error(
        "the user of DATABASE_URL may not create or change tables in the schema {schema} of the database {name} ({reason}); make it the owner of the schema and its tables, or first start a node of this release as their owner"
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
    #[error("PostgreSQL runs with {0}: an acknowledged message would not survive a crash; turn it on")]
    NotDurable(&'static str),
    /// The database was changed by a later release that this one does not work with.
    #[error("the database has version {version} and this release knows {known}; start a newer release")]
    Newer {
        /// The version found.
        version: i64,
        /// The newest version known.
        known: i64,
    },
    /// The database was not brought up to date yet.
    #[error("the database {0} is of an earlier release; start a node of this release on it first")]
    Outdated(String),
    /// The schema has a name that would have to be quoted.
    #[error(
        "DATABASE_SCHEMA is {0:?}; it may contain only lower-case letters, digits and _, and must not begin with a digit or pg_"
    )]
    SchemaName(String),
    /// Tables of another program are where ours are to be.
    #[error(
        "the schema {schema} of the database {name} contains objects of another program ({table}); nothing was changed: set DATABASE_SCHEMA to an empty or new schema, or use another database"
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
        "the schema {schema} of the database {name} is marked: ChatServer's tables are in another one; leave DATABASE_SCHEMA unset, or drop {schema}.schema_version if they are gone"
    )]
    Marked {
        /// Which database.
        name: String,
        /// Which schema.
        schema: String,
    },
    /// The tables are in another schema than the one that is named.
    #[error(
        "the database {name} has ChatServer's tables in the schema {schema}; leave DATABASE_SCHEMA unset to continue with them, or use another database to start empty"
    )]
    Settled {
        /// Which database.
        name: String,
        /// Where they are.
        schema: String,
    },
    /// There are two installations, and nobody has said which.
    #[error(
        "the database {name} has ChatServer's tables in two schemas, {one} and {other}; choose one with DATABASE_SCHEMA"
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
        "the database {name} has no schema {schema}, and the user of DATABASE_URL may not create one; ask its owner to run: CREATE SCHEMA {schema} AUTHORIZATION that user"
    )]
    NoSchema {
        /// Which database.
        name: String,
        /// Which schema.
        schema: String,
    },
    /// The address was found in a file that may be another program's.
    #[error(
        "the database {0} contains objects of another program, and its address comes from the file .env in this directory, which may belong to that program; if the database is meant for ChatServer, set DATABASE_URL in the environment, else start in another directory"
    )]
    Stranger(String),
    /// There is nothing of ours to look at.
    #[error("the database {0} has no ChatServer tables; check DATABASE_URL and DATABASE_SCHEMA")]
    NoTables(String),
    /// Everything of another store is to come here, and not all of it is here.
    #[error(
        "the database {0} is being filled from a SQLite file and is incomplete; run `chatserver migrate` to its end, with that file's server stopped"
    )]
    Unfinished(String),
    /// There is something else in the database already.
    #[error(
        "ChatServer's schema in the database {0} is not empty; use an empty schema or another database for the migration"
    )]
    NotEmpty(String),
    /// Everything of that store is here already.
    #[error(
        "this file was already moved to the database {0}, and servers may have changed it since; nothing was done"
    )]
    AlreadyMoved(String),
    /// Another store is being moved here.
    #[error(
        "the database {0} is being filled from another SQLite file; run this with that file, or create an empty database"
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
    #[error("cannot prepare the database: {0}")]
    Database(String),
    /// A statement was refused for want of rights.
    #[error("the user of DATABASE_URL lacks permissions that a node needs: {0}")]
    MayNot(String),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
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
